// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/datagram_flows.h"

#include "kubectl-kt-connect/laptop_dial.h"
#include "net/packet_builder.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace kt::connect {
namespace {

namespace asio = io::asio;
using io::Task;
using std::chrono::seconds;
using DatagramSocket = asio::generic::datagram_protocol::socket;

// As the agent's: a conversation that nobody used for so long is over.
constexpr seconds idle_limit{120};
// type, code, checksum, id, sequence (RFC 792); the checksum is the ping socket's business.
constexpr std::size_t echo_header_size = 8;
constexpr std::size_t sequence_at = 6;

Bytes echo_message(const net::EchoRequest& request) {
  Bytes message;
  ByteWriter writer(message);
  writer.u8(request.destination.is_v6() ? 128 : 8);
  writer.u8(0);
  writer.u16(0);
  writer.u16(request.id);
  writer.u16(request.sequence);
  writer.bytes(request.payload);
  return message;
}

}  // namespace

struct DatagramFlows::Conversation {
  std::unique_ptr<mux::Stream> stream;   // cluster
  std::optional<DatagramSocket> socket;  // laptop
  int error = 0;

  [[nodiscard]] bool send(BytesView datagram) {
    if (stream != nullptr) {
      return stream->send_datagram(datagram);
    }
    return socket && ::send(socket->native_handle(), datagram.data(), datagram.size(),
                            MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
  }
};

DatagramFlows::DatagramFlows(const io::Executor& executor, CaptureParts& parts)
    : executor_(executor), parts_(parts), tasks_(executor) {}

void DatagramFlows::send(const net::Datagram& datagram) {
  if (datagram.destination == parts_.nameserver) {
    tasks_.spawn(resolve(datagram.source, Bytes(datagram.payload.begin(), datagram.payload.end())));
    return;
  }
  send({mux::Protocol::udp, datagram.source, datagram.destination}, datagram.payload);
}

void DatagramFlows::send(const net::EchoRequest& request) {
  send({mux::Protocol::icmp_echo, {request.source, request.id}, {request.destination, 0}},
       echo_message(request));
}

Task<> DatagramFlows::resolve(net::Endpoint source, Bytes query) {
  const std::optional<Bytes> reply =
      co_await parts_.dns.answer(std::move(query), dns::Transport::udp);
  if (reply) {
    deliver({mux::Protocol::udp, source, parts_.nameserver}, *reply);
  }
}

void DatagramFlows::send(const Key& key, BytesView datagram) {
  const auto known = talks_.find(key);
  const Shared talk = known != talks_.end() ? known->second : start(key);
  if (talk->error != 0) {
    refuse(key, talk->error);
  } else {
    (void)talk->send(datagram);  // dropped when there is no room, as networks do
  }
}

DatagramFlows::Shared DatagramFlows::start(const Key& key) {
  auto talk = std::make_shared<Conversation>();
  const mux::Endpoint to{to_mux(key.destination.address), key.destination.port};
  const mux::Endpoint from{to_mux(key.source.address), key.source.port};
  const mux::Target target{key.protocol, to, from};
  if (parts_.routes.side_of(key.destination.address) == Side::cluster) {
    talk->stream = parts_.tunnel->begin(target);
    talk->error = talk->stream == nullptr ? ENETUNREACH : 0;
  } else {
    DatagramDialled dialled = dial_datagrams_from_laptop(executor_, target);
    talk->socket = std::move(dialled.socket);
    talk->error = dialled.error;
  }
  if (talk->error == 0) {
    talks_.emplace(key, talk);
    tasks_.spawn(receive(key, talk));
  }
  return talk;
}

Task<> DatagramFlows::receive(Key key, Shared talk) {
  if (talk->stream != nullptr) {
    co_await receive_stream(key, talk);
    if (talk->stream->error() != 0) {
      refuse(key, talk->stream->error());
    }
  } else {
    co_await receive_socket(key, talk);
  }
  talks_.erase(key);
}

Task<> DatagramFlows::receive_stream(Key key, Shared talk) {
  while (const std::optional<Bytes> datagram = co_await talk->stream->receive_datagram()) {
    deliver(key, *datagram);
  }
}

Task<> DatagramFlows::receive_socket(Key key, Shared talk) {
  static std::array<std::byte, mux::max_datagram> buffer;  // used between two suspensions only
  while (true) {
    io::error_code ec;
    asio::steady_timer idle(executor_, idle_limit);
    idle.async_wait([weak = std::weak_ptr<Conversation>(talk)](const io::error_code& cancelled) {
      if (const Shared living = weak.lock(); living != nullptr && !cancelled) {
        living->socket->cancel();
      }
    });
    co_await talk->socket->async_wait(DatagramSocket::wait_read,
                                      asio::redirect_error(io::use_task, ec));
    if (ec) {
      co_return;
    }
    const ssize_t size =
        ::recv(talk->socket->native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size >= 0) {
      deliver(key, BytesView(buffer).first(static_cast<std::size_t>(size)));
    } else if (errno != EAGAIN) {
      refuse(key, errno);
      co_return;
    }
  }
}

void DatagramFlows::deliver(const Key& key, BytesView datagram) {
  std::optional<Bytes> packet;
  if (key.protocol == mux::Protocol::udp) {
    packet = net::udp_packet(key.destination, key.source, datagram);
  } else if (datagram.size() >= echo_header_size) {
    const net::EchoHeader header{false, key.source.port, load_u16(datagram, sequence_at)};
    packet = net::echo_packet(key.destination.address, key.source.address, header,
                              datagram.subspan(echo_header_size));
  }
  if (packet) {
    parts_.tun.write(*packet);
  }
}

void DatagramFlows::refuse(const Key& key, int error) {
  std::optional<Bytes> packet;
  if (key.protocol == mux::Protocol::udp) {
    packet = net::datagram_failure(key.source, key.destination, error);
  } else {
    packet = net::echo_failure(
        {key.source.address, key.destination.address, key.source.port, 0, {}}, error);
  }
  if (packet) {
    parts_.tun.write(*packet);
  }
}

}  // namespace kt::connect
