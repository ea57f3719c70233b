// SPDX-License-Identifier: Apache-2.0
#include "host/resolver_mounts.h"
#include "support/catch.h"

namespace kt::host {

TEST_CASE("host names come from files and DNS only, other databases stay") {
  CHECK(nsswitch_with_dns("# comment\n"
                          "passwd: files systemd\n"
                          "hosts:  files mdns4_minimal [NOTFOUND=return] resolve dns\n"
                          "networks: files\n") ==
        "# comment\n"
        "passwd: files systemd\n"
        "networks: files\n"
        "hosts: files myhostname dns\n");
}

TEST_CASE("an nsswitch.conf without host names gets them") {
  CHECK(nsswitch_with_dns("passwd: files") == "passwd: files\nhosts: files myhostname dns\n");
  CHECK(nsswitch_with_dns("") == "hosts: files myhostname dns\n");
  CHECK(nsswitch_with_dns("\n hosts: dns\n") == "\nhosts: files myhostname dns\n");
}

}  // namespace kt::host
