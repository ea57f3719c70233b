// SPDX-License-Identifier: Apache-2.0
// Prints the addresses of each name, a line each, as the C library says: glibc's or musl's, as it
// was compiled.
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>

static void print_addresses(const char* name) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM};  // both families
  struct addrinfo* found = NULL;
  char address[64] = "none";
  printf("%s [", name);
  if (getaddrinfo(name, NULL, &hints, &found) != 0) {
    found = NULL;
  }
  for (struct addrinfo* each = found; each != NULL; each = each->ai_next) {
    getnameinfo(each->ai_addr, each->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST);
    printf(each->ai_next == NULL ? "" : "%s ", address);
  }
  printf("%s]\n", address);
}

int main(int count, char** names) {
  for (int i = 1; i < count; ++i) {
    print_addresses(names[i]);
  }
}
