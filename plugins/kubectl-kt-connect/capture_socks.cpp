// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/capture_socks.h"

#include "base/error.h"
#include "base/log.h"
#include "dns/lookup.h"
#include "io/task_group.h"
#include "kubectl-kt-connect/far_end.h"
#include "net/socks.h"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <sys/stat.h>

#include <cerrno>

namespace kt::connect {
namespace {

namespace asio = io::asio;
using io::Task;
using Unix = asio::local::stream_protocol;

// A client that has connected knows already what it wants.
constexpr std::chrono::seconds handshake_limit{10};

Task<> greet(io::SocketStream& client, net::SocksHandshake& handshake) {
  Bytes buffer(1024);
  while (!handshake.request()) {
    const std::size_t count = co_await client.read_some(buffer);
    if (count == 0) {
      throw Error(ErrorKind::unavailable, "the client hung up");
    }
    handshake.receive(BytesView(buffer).first(count));
    co_await client.write_all(handshake.take_output());
    if (handshake.refused()) {
      throw Error(ErrorKind::unavailable, *handshake.refused());
    }
  }
}

// Not Asio's own resolver: names mean what they mean to CMD.
Task<std::vector<net::IpAddress>> addresses_of(const net::SocksRequest& request,
                                               const SocksServices& services) {
  std::vector<net::IpAddress> addresses;
  if (const auto address = net::IpAddress::parse(request.host)) {
    addresses.push_back(*address);
    co_return addresses;
  }
  for (const asio::ip::address& found :
       co_await dns::lookup(services.dns, request.host, services.resolv_conf)) {
    addresses.push_back(*net::IpAddress::parse(found.to_string()));
  }
  co_return addresses;
}

// The first address that answers; the last one's errno when none does.
Task<Reached> reach_any(const net::SocksRequest& request, const SocksServices& services) {
  Reached reached;
  reached.error = EHOSTUNREACH;
  for (const net::IpAddress& address : co_await addresses_of(request, services)) {
    reached = co_await reach(services.tunnel, services.routes.side_of(address),
                             {address, request.port}, std::nullopt);
    if (reached.far) {
      break;
    }
  }
  co_return reached;
}

Task<> send_first(FarEnd& far, BytesView bytes) {
  if (auto* stream = std::get_if<std::unique_ptr<mux::Stream>>(&far)) {
    co_await (*stream)->write_all(bytes);
  } else {
    co_await asio::async_write(std::get<io::Socket>(far), asio::buffer(bytes.data(), bytes.size()),
                               io::use_task);
  }
}

Task<> serve(io::Socket socket, SocksServices services) {
  io::SocketStream client(std::move(socket));
  net::SocksHandshake handshake;
  co_await io::with_timeout(handshake_limit, "SOCKS handshake", greet(client, handshake));
  const net::SocksRequest request = *handshake.request();
  Reached reached = co_await reach_any(request, services);
  handshake.reply(reached.far ? net::SocksReply::succeeded : net::socks_reply_for(reached.error));
  co_await client.write_all(handshake.take_output());
  if (!reached.far) {
    log::debug("socks", "{}:{}: {}", request.host, request.port, errno_text(reached.error));
    co_return;
  }
  co_await send_first(*reached.far, handshake.rest());
  co_await relay_to(std::move(*reached.far), std::move(client.socket()));
}

Task<> serve_one(io::Socket socket, SocksServices services) {
  try {
    co_await serve(std::move(socket), services);
  } catch (const Error& e) {
    log::debug("socks", "{}", e.message());
  } catch (const boost::system::system_error& e) {
    log::debug("socks", "{}", e.what());  // the far end broke before the relay began, or the end
  }
}

Unix::acceptor listen_at(const io::Executor& executor, const std::string& path) {
  try {
    const mode_t before = ::umask(0177);
    Unix::acceptor acceptor(executor, Unix::endpoint(path));
    ::umask(before);
    return acceptor;
  } catch (const boost::system::system_error& e) {
    throw Error(ErrorKind::config, fmt::format("socket '{}': {}", path, e.code().message()));
  }
}

Task<> accept(Unix::acceptor& acceptor, const SocksServices& services, io::TaskGroup& clients) {
  while (true) {
    Unix::socket socket = co_await acceptor.async_accept(io::use_task);
    clients.spawn(serve_one(io::Socket(std::move(socket)), services));
  }
}

}  // namespace

Task<> capture_socks(std::string path, SocksServices services) {
  const io::Executor executor = co_await asio::this_coro::executor;
  Unix::acceptor acceptor = listen_at(executor, path);
  io::TaskGroup clients(executor);
  co_await clients.stop_after(accept(acceptor, services, clients));
}

}  // namespace kt::connect
