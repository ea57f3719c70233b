// SPDX-License-Identifier: Apache-2.0
#include "agent/listen.h"

#include "base/error.h"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

namespace kt::agent {
namespace {

using io::asio::ip::tcp;

// The kernel takes less where net.core.somaxconn says so (4096 unless set).
constexpr int backlog = 4096;

void bind(tcp::acceptor& acceptor, std::uint16_t port) {
  io::error_code no_v6;
  acceptor.open(tcp::v6(), no_v6);
  if (no_v6) {
    acceptor.open(tcp::v4());
  } else {
    acceptor.set_option(io::asio::ip::v6_only(false));
  }
  acceptor.set_option(tcp::acceptor::reuse_address(true));
  acceptor.bind({no_v6 ? tcp::v4() : tcp::v6(), port});
  acceptor.listen(backlog);
}

}  // namespace

tcp::acceptor listen_on(const io::Executor& executor, std::uint16_t port) {
  tcp::acceptor acceptor(executor);
  try {
    bind(acceptor, port);
  } catch (const boost::system::system_error& e) {
    throw Error(ErrorKind::unavailable, fmt::format("port {}: {}", port, e.code().message()));
  }
  return acceptor;
}

io::Task<tcp::socket> accept_caller(tcp::acceptor& acceptor) {
  while (true) {
    io::error_code ec;
    tcp::socket caller = co_await acceptor.async_accept(io::asio::redirect_error(io::use_task, ec));
    if (!ec) {
      co_return caller;
    }
    if (ec == io::asio::error::operation_aborted) {
      throw boost::system::system_error(ec);
    }
    co_await io::sleep_for(std::chrono::milliseconds(20));  // do not spin
  }
}

}  // namespace kt::agent
