// SPDX-License-Identifier: Apache-2.0

// The pause container: holds a pod's network namespace, reaps orphans, leaves on TERM.
#include <signal.h>
#include <unistd.h>

static void leave(int number) { (void)number; _exit(0); }

int main(void) {
  signal(SIGTERM, leave);
  signal(SIGINT, leave);
  signal(SIGCHLD, SIG_IGN);
  for (;;) pause();
}
