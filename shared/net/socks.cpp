// SPDX-License-Identifier: Apache-2.0
#include "net/socks.h"

#include "net/address.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace kt::net {
namespace {

constexpr std::uint8_t version = 5;
constexpr std::uint8_t no_authentication = 0;
constexpr std::uint8_t no_acceptable_method = 0xff;

enum class Command : std::uint8_t { connect = 1, bind = 2, udp_associate = 3 };
enum class AddressType : std::uint8_t { v4 = 1, name = 3, v6 = 4 };

struct Destination {
  std::optional<SocksRequest> request;  // nothing while bytes are missing
  bool known_type = true;
};

std::string address_text(BytesView bytes) {
  const auto address = IpAddress::from_bytes(bytes);
  return address ? address->to_string() : std::string();
}

// Address type, address and port.
Destination read_destination(ByteReader& reader) {
  SocksRequest request;
  switch (static_cast<AddressType>(reader.u8())) {
    case AddressType::v4:
      request.host = address_text(reader.take(IpAddress::v4_size));
      break;
    case AddressType::v6:
      request.host = address_text(reader.take(IpAddress::v6_size));
      break;
    case AddressType::name:
      request.host = to_string(reader.take(reader.u8()));
      request.is_name = true;
      break;
    default:
      return {std::nullopt, !reader.ok()};
  }
  request.port = reader.u16();
  return {reader.ok() ? std::optional(std::move(request)) : std::nullopt, true};
}

// What may stand in a host name; a resolver judges the rest.
bool is_host_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) { return c > ' ' && c < '\x7f'; });
}

std::string command_name(Command command) {
  switch (command) {
    case Command::connect:
      return "CONNECT";
    case Command::bind:
      return "BIND";
    case Command::udp_associate:
      return "UDP ASSOCIATE";
  }
  return fmt::format("command {}", static_cast<int>(command));
}

}  // namespace

void SocksHandshake::receive(BytesView bytes) {
  if (refused_) {
    return;
  }
  input_.insert(input_.end(), bytes.begin(), bytes.end());
  if (state_ == State::greeting) {
    read_greeting();
  }
  if (state_ == State::request) {
    read_request();
  }
}

Bytes SocksHandshake::take_output() {
  return std::exchange(output_, {});
}

void SocksHandshake::read_greeting() {
  ByteReader reader(input_);
  const std::uint8_t spoken = reader.u8();
  if (reader.ok() && spoken != version) {
    refuse(fmt::format("version {}: only SOCKS 5 is spoken here", spoken));
    return;
  }
  const BytesView methods = reader.take(reader.u8());
  if (!reader.ok()) {
    return;
  }
  ByteWriter writer(output_);
  writer.u8(version);
  if (std::ranges::find(methods, std::byte{no_authentication}) == methods.end()) {
    writer.u8(no_acceptable_method);
    refuse("the client insists on authentication, which there is none of");
    return;
  }
  writer.u8(no_authentication);
  consume(reader.position());
  state_ = State::request;
}

void SocksHandshake::read_request() {
  ByteReader reader(input_);
  const std::uint8_t spoken = reader.u8();
  const auto command = static_cast<Command>(reader.u8());
  reader.skip(1);  // reserved
  if (!reader.ok()) {
    return;
  }
  if (spoken != version) {
    refuse(SocksReply::general_failure, fmt::format("version {} in the request", spoken));
    return;
  }
  if (command != Command::connect) {
    refuse(SocksReply::command_not_supported,
           fmt::format("{}: only CONNECT is supported", command_name(command)));
    return;
  }
  const Destination destination = read_destination(reader);
  if (!destination.known_type) {
    refuse(SocksReply::address_type_not_supported, "unknown address type");
    return;
  }
  if (destination.request) {
    accept(*destination.request, reader.position());
  }
}

void SocksHandshake::accept(const SocksRequest& request, std::size_t length) {
  if (request.is_name && !is_host_name(request.host)) {
    refuse(SocksReply::general_failure, "the name is empty or has characters that no name has");
    return;
  }
  request_ = request;
  consume(length);
  state_ = State::done;
}

void SocksHandshake::refuse(std::string why) {
  refused_ = std::move(why);
  state_ = State::done;
}

void SocksHandshake::refuse(SocksReply code, std::string why) {
  reply(code);
  refuse(std::move(why));
}

void SocksHandshake::reply(SocksReply code) {
  ByteWriter writer(output_);
  writer.u8(version);
  writer.u8(static_cast<std::uint8_t>(code));
  writer.u8(0);
  // The bound address is nobody's business: 0.0.0.0:0, which clients ignore for CONNECT.
  writer.u8(static_cast<std::uint8_t>(AddressType::v4));
  writer.u32(0);
  writer.u16(0);
}

void SocksHandshake::consume(std::size_t count) {
  input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(count));
}

SocksReply socks_reply_for(int error) {
  switch (error) {
    case 0:
      return SocksReply::succeeded;
    case ECONNREFUSED:
      return SocksReply::connection_refused;
    case ENETUNREACH:
      return SocksReply::network_unreachable;
    case EHOSTUNREACH:
      return SocksReply::host_unreachable;
    case ETIMEDOUT:
      return SocksReply::ttl_expired;
    case EACCES:
    case EPERM:
      return SocksReply::not_allowed;
    default:
      return SocksReply::general_failure;
  }
}

}  // namespace kt::net
