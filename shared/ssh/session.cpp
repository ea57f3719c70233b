// SPDX-License-Identifier: Apache-2.0
#include "ssh/session.h"

#include "ssh/channel.h"
#include "ssh/transport.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace kt::ssh {
namespace {

// Of the server's stdout before we must acknowledge: sshd's own size; more was slower in a LAN.
constexpr unsigned window_size = 2 * 1024 * 1024;
constexpr unsigned packet_size = 32 * 1024;

void force_algorithms(LIBSSH2_SESSION* session) {
  constexpr std::array<std::pair<int, const char*>, 8> algorithms = {{
      {LIBSSH2_METHOD_KEX, "curve25519-sha256"},
      {LIBSSH2_METHOD_HOSTKEY, "ssh-ed25519"},
      {LIBSSH2_METHOD_CRYPT_CS, "aes128-ctr"},
      {LIBSSH2_METHOD_CRYPT_SC, "aes128-ctr"},
      {LIBSSH2_METHOD_MAC_CS, "hmac-sha2-256"},
      {LIBSSH2_METHOD_MAC_SC, "hmac-sha2-256"},
      {LIBSSH2_METHOD_COMP_CS, "none"},
      {LIBSSH2_METHOD_COMP_SC, "none"},
  }};
  for (const auto& [method, name] : algorithms) {
    KT_ASSERT(::libssh2_session_method_pref(session, method, name) == 0);
  }
}

void check_host_key(LIBSSH2_SESSION* session, const PublicKey& expected) {
  std::size_t length = 0;
  int type = 0;
  const char* const shown = ::libssh2_session_hostkey(session, &length, &type);
  const Bytes blob = public_key_blob(expected);
  if (shown == nullptr || length != blob.size() || std::memcmp(shown, blob.data(), length) != 0) {
    throw Error(ErrorKind::denied, "SSH: the server shows another host key");
  }
}

// libssh2 frees the signature with free(). Called from C: a key that cannot sign is a bug of ours
// that ends the program, which `noexcept` sees to.
// NOLINTNEXTLINE(readability-function-size): the parameters are libssh2's
int sign(LIBSSH2_SESSION*, unsigned char** signature, std::size_t* length,
         const unsigned char* message, std::size_t size, void** key) noexcept {
  const Signature made =
      static_cast<const KeyPair*>(*key)->sign(std::as_bytes(std::span(message, size)));
  *signature = static_cast<unsigned char*>(std::malloc(made.size()));
  if (*signature == nullptr) {
    return -1;
  }
  std::memcpy(*signature, made.data(), made.size());
  *length = made.size();
  return 0;
}

io::Task<> prove_user(Transport& transport, const std::string& user, const KeyPair& key) {
  const Bytes blob = public_key_blob(key.public_key());
  void* abstract = const_cast<KeyPair*>(&key);
  const int result = co_await transport.finish([&] {
    return ::libssh2_userauth_publickey(transport.session(), user.c_str(),
                                        reinterpret_cast<const unsigned char*>(blob.data()),
                                        blob.size(), sign, &abstract);
  });
  if (result == LIBSSH2_ERROR_AUTHENTICATION_FAILED ||
      result == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED) {
    throw Error(ErrorKind::denied, "SSH: the server refused our key");
  }
  if (result != 0) {
    throw transport.last_error("SSH login");
  }
}

io::Task<LIBSSH2_CHANNEL*> run(Transport& transport, const std::string& command) {
  LIBSSH2_SESSION* const session = transport.session();
  LIBSSH2_CHANNEL* channel = nullptr;
  const int opened = co_await transport.finish([&] {
    channel =
        ::libssh2_channel_open_ex(session, "session", 7, window_size, packet_size, nullptr, 0);
    return channel != nullptr ? 0 : ::libssh2_session_last_errno(session);
  });
  if (opened != 0) {
    throw transport.last_error("open the SSH channel");
  }
  const int started = co_await transport.finish([&] {
    return ::libssh2_channel_process_startup(channel, "exec", 4, command.data(),
                                             static_cast<unsigned>(command.size()));
  });
  if (started != 0) {
    throw transport.last_error("start the SSH command");
  }
  co_return channel;
}

io::Task<> log_in(Transport& transport, const Login& login, const KeyPair& user_key,
                  LIBSSH2_CHANNEL*& channel) {
  force_algorithms(transport.session());
  const int result = co_await transport.finish(
      [&] { return ::libssh2_session_handshake(transport.session(), transport.descriptor()); });
  if (result != 0) {
    throw transport.last_error("SSH handshake");
  }
  check_host_key(transport.session(), login.host_key);
  co_await prove_user(transport, login.user, user_key);
  channel = co_await run(transport, login.command);
}

}  // namespace

io::Task<std::unique_ptr<io::ByteStream>> open_channel(std::unique_ptr<io::ByteStream> below,
                                                       Login login, const KeyPair& user_key) {
  const io::Executor executor = co_await io::asio::this_coro::executor;
  auto transport = std::make_unique<Transport>(std::move(below), executor);
  LIBSSH2_CHANNEL* channel = nullptr;
  co_await io::with_timeout(login.limit, "SSH login", log_in(*transport, login, user_key, channel));
  co_return std::make_unique<Channel>(std::move(transport), channel);
}

}  // namespace kt::ssh
