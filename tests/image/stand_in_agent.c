// SPDX-License-Identifier: Apache-2.0
// Stands in for kt-agent in the image test: says how it was called and with which rights, then copies its input.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void print_rights(void) {
  static const char* const wanted[] = {"Uid:", "Gid:", "Groups:", "CapPrm:", "CapEff:", "CapAmb:", "NoNewPrivs:"};
  char line[256];
  FILE* status = fopen("/proc/self/status", "r");
  while (status && fgets(line, sizeof line, status)) {
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
      if (!strncmp(line, wanted[i], strlen(wanted[i]))) fputs(line, stdout);
    }
  }
}

int main(int argc, char** argv) {
  for (int i = 1; i < argc; i++) printf("argument %d: %s\n", i, argv[i]);
  print_rights();
  printf("writable root: %s\n", access("/", W_OK) == 0 || access("/etc", W_OK) == 0 ? "yes" : "no");
  fflush(stdout);
  char buffer[4096];
  for (ssize_t n; (n = read(0, buffer, sizeof buffer)) > 0;) {
    if (write(1, buffer, (size_t)n) != n) return 1;
  }
  return 42;
}
