// SPDX-License-Identifier: Apache-2.0
#include "cluster/shadow_login.h"

#include "base/error.h"

#include <sys/random.h>

namespace kt::cluster {
namespace {

constexpr std::size_t name_length = 8;  // of 27 letters: a name of one's own among 2.8e11

template <class Container>
void fill_random(Container& bytes) {
  if (::getrandom(bytes.data(), bytes.size(), 0) != std::ssize(bytes)) {
    throw Error(ErrorKind::unavailable, "no random bytes: " + errno_text(errno));
  }
}

}  // namespace

ShadowLogin fresh_login(std::string_view prefix, const std::string& namespace_,
                        const std::string& user, const std::string& host) {
  const ssh::KeyPair host_key = ssh::KeyPair::generate();
  std::vector<std::uint8_t> random(name_length);
  fill_random(random);
  ShadowLogin login;
  login.credentials.host_key = host_key.public_key();
  fill_random(login.credentials.session);
  fill_random(login.credentials.key);
  login.run.name = std::string(prefix) + fresh_suffix(random);
  login.run.namespace_ = namespace_;
  login.run.user = user;
  login.run.host = host;
  login.run.host_key = host_key.private_key_file("kt-shadow");
  login.run.authorized_keys =
      ssh::authorized_key(login.credentials.user_key.public_key(), "kubectl-kt") + "\n";
  return login;
}

}  // namespace kt::cluster
