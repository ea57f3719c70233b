// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "host/descriptor_passing.h"
#include "support/catch.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace kt::host {
namespace {

struct Pair {
  UniqueFd first;
  UniqueFd second;
};

Pair make_pair() {
  std::array<int, 2> ends{-1, -1};
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends.data()) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace

TEST_CASE("descriptors arrive beside their message, closed on exec") {
  const Pair pair = make_pair();
  std::array<int, 2> pipe{-1, -1};
  REQUIRE(::pipe(pipe.data()) == 0);
  const UniqueFd read_end(pipe[0]);
  {
    const UniqueFd write_end(pipe[1]);
    send_message(pair.first.get(), as_bytes("pipe"), {write_end.get()});
  }
  const auto message = receive_message(pair.second.get());
  REQUIRE(message);
  CHECK(to_string(message->bytes) == "pipe");
  REQUIRE(message->descriptors.size() == 1);
  const int fd = message->descriptors.front().get();
  CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  REQUIRE(::write(fd, "x", 1) == 1);
  char byte = 0;
  CHECK(::read(read_end.get(), &byte, 1) == 1);
  CHECK(byte == 'x');
}

TEST_CASE("no message is nothing, the end is an empty one, a gone reader is an error") {
  Pair pair = make_pair();
  CHECK_FALSE(receive_message(pair.second.get()));
  pair.first.reset();
  const auto end = receive_message(pair.second.get());
  REQUIRE(end);
  CHECK(end->bytes.empty());
  CHECK_THROWS_AS(send_message(pair.second.get(), as_bytes("x"), {}), Error);
}

}  // namespace kt::host
