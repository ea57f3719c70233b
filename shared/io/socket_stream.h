// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/unique_fd.h"
#include "io/byte_stream.h"

#include <boost/asio/generic/stream_protocol.hpp>

#include <memory>
#include <string>

namespace kt::io {

using Socket = asio::generic::stream_protocol::socket;

// A connected TCP or Unix socket as ByteStream.
class SocketStream final : public ByteStream {
 public:
  explicit SocketStream(Socket socket);

  Task<std::size_t> read_some(MutableBytes into) override;
  Task<> write_all(BytesView from) override;
  void close() noexcept override;

  [[nodiscard]] Socket& socket() { return socket_; }

 private:
  Socket socket_;
};

// Connected sockets; throw Error unavailable.
Task<Socket> connect_unix(std::string path);
Task<Socket> connect_tcp(std::string address, std::uint16_t port);

// A connected stream socket that somebody else opened, of any family.
[[nodiscard]] Socket adopt_socket(const Executor& executor, UniqueFd fd);

// A connected pair of Unix sockets (socketpair(2)).
struct SocketPair {
  Socket first;
  Socket second;
};
[[nodiscard]] SocketPair make_socket_pair(const Executor& executor);

}  // namespace kt::io
