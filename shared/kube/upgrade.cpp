// SPDX-License-Identifier: Apache-2.0
#include "kube/upgrade.h"

#include "io/socket_stream.h"
#include "kube/api_error.h"
#include "kube/resource.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace kt::kube {
namespace {

constexpr std::size_t max_error_body = 8UL * 1024;
constexpr std::size_t max_headers = 64;

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return result;
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  return first == std::string_view::npos
             ? std::string_view{}
             : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string header_of(const ResponseHead& head, std::string_view name) {
  const auto found = std::find_if(head.headers.begin(), head.headers.end(),
                                  [name](const auto& header) { return header.first == name; });
  return found == head.headers.end() ? std::string() : found->second;
}

// Takes the line in front of `bytes` away, without its CRLF.
std::optional<std::string_view> take_line(std::string_view& bytes) {
  const std::size_t end = bytes.find("\r\n");
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view line = bytes.substr(0, end);
  bytes.remove_prefix(end + 2);
  return line;
}

// "HTTP/1.1 101 Switching Protocols" → 101
std::optional<int> parse_status_line(std::string_view line) {
  constexpr std::size_t status_at = 9;
  if (!line.starts_with("HTTP/1.") || line.size() < status_at + 3 || line[status_at - 1] != ' ') {
    return std::nullopt;
  }
  int status = 0;
  const char* const first = line.data() + status_at;
  const auto [end, error] = std::from_chars(first, first + 3, status);
  const bool ok = error == std::errc() && end == first + 3 && status >= 100 && status < 600;
  const bool ends = line.size() == status_at + 3 || line[status_at + 3] == ' ';
  return ok && ends ? std::optional(status) : std::nullopt;
}

std::optional<std::pair<std::string, std::string>> parse_header(std::string_view line) {
  const std::size_t colon = line.find(':');
  // A name is a token: in particular nothing blank is allowed before the colon (RFC 9112 §5.1); a
  // value has no control characters (RFC 9110 §5.5).
  const std::string_view name = line.substr(0, colon);
  if (colon == std::string_view::npos || name.empty() ||
      name.find_first_of(" \t") != std::string_view::npos ||
      line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    return std::nullopt;
  }
  return std::pair<std::string, std::string>(lower(name), trim(line.substr(colon + 1)));
}

std::string where(const UpgradeTarget& target) {
  return fmt::format("upgrade to pod '{}' port {} through the API server", target.pod, target.port);
}

// Throws for everything but success; a closed connection is no answer.
void check(const io::error_code& ec, const UpgradeTarget& target) {
  if (ec == io::asio::error::operation_aborted) {
    throw boost::system::system_error(ec);
  }
  if (ec) {
    throw Error(ErrorKind::unavailable, fmt::format("{}: {}", where(target), ec.message()));
  }
}

// What one exchange of heads works on; owned by upgrade()'s frame.
struct Handshake {
  UpgradeTarget target;
  io::Socket socket;
  std::string head_bytes;
  ResponseHead head;
  std::string error_body;
};

io::Task<> consume(Handshake& shake, std::size_t count) {
  std::array<char, 4096> scratch{};
  io::error_code ec;
  co_await io::asio::async_read(shake.socket, io::asio::buffer(scratch.data(), count),
                                io::asio::redirect_error(io::use_task, ec));
  check(ec, shake.target);
}

// Looks before it takes: what follows the head belongs to the stream and stays in the socket.
io::Task<> read_head(Handshake& shake) {
  std::array<char, 4096> piece{};
  while (shake.head_bytes.size() < max_response_head) {
    io::error_code ec;
    const std::size_t count = co_await shake.socket.async_receive(
        io::asio::buffer(piece), io::asio::socket_base::message_peek,
        io::asio::redirect_error(io::use_task, ec));
    check(ec, shake.target);
    const std::size_t before = shake.head_bytes.size();
    shake.head_bytes.append(piece.data(), count);
    const std::optional<std::size_t> size = response_head_size(shake.head_bytes);
    co_await consume(shake, size ? *size - before : count);
    if (size) {
      co_return;
    }
  }
}

std::size_t content_length(const ResponseHead& head) {
  const std::string text = header_of(head, "content-length");
  std::size_t length = 0;
  std::from_chars(text.data(), text.data() + text.size(), length);
  return std::min(length, max_error_body);
}

io::Task<> read_error_body(Handshake& shake) {
  shake.error_body.resize(content_length(shake.head));
  io::error_code ended_early;
  const std::size_t count =
      co_await io::asio::async_read(shake.socket, io::asio::buffer(shake.error_body),
                                    io::asio::redirect_error(io::use_task, ended_early));
  shake.error_body.resize(count);
}

io::Task<> shake_hands(Handshake& shake) {
  const std::string request = upgrade_request(shake.target);
  io::error_code ec;
  co_await io::asio::async_write(shake.socket, io::asio::buffer(request),
                                 io::asio::redirect_error(io::use_task, ec));
  check(ec, shake.target);
  co_await read_head(shake);
  std::optional<ResponseHead> head = parse_response_head(shake.head_bytes);
  if (!head) {
    throw Error(ErrorKind::unavailable, where(shake.target) + ": the answer is not HTTP");
  }
  shake.head = std::move(*head);
  if (shake.head.status != 101) {
    co_await read_error_body(shake);
  }
}

}  // namespace

std::string upgrade_request(const UpgradeTarget& target) {
  // kubectl proxy answers only to localhost.
  return fmt::format(
      "GET /api/v1/namespaces/{}/pods/{}:{}/proxy{} HTTP/1.1\r\n"
      "Host: localhost\r\n"
      "Connection: Upgrade\r\n"
      "Upgrade: {}\r\n\r\n",
      percent_encode(target.namespace_), percent_encode(target.pod), target.port, target.path,
      target.protocol);
}

std::optional<std::size_t> response_head_size(std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  return end == std::string_view::npos ? std::nullopt : std::optional(end + 4);
}

std::optional<ResponseHead> parse_response_head(std::string_view bytes) {
  const std::optional<std::size_t> size = response_head_size(bytes);
  if (!size) {
    return std::nullopt;
  }
  std::string_view rest = bytes.substr(0, *size - 2);
  const std::optional<int> status = parse_status_line(take_line(rest).value_or(""));
  if (!status) {
    return std::nullopt;
  }
  ResponseHead head{*status, {}, *size};
  while (const std::optional<std::string_view> line = take_line(rest)) {
    auto header = parse_header(*line);
    if (!header || head.headers.size() == max_headers) {
      return std::nullopt;
    }
    head.headers.push_back(std::move(*header));
  }
  return head;
}

io::Task<std::unique_ptr<io::ByteStream>> upgrade(std::string socket_path, UpgradeTarget target,
                                                  io::Duration limit) {
  Handshake shake{std::move(target), co_await io::connect_unix(std::move(socket_path)), {}, {}, {}};
  co_await io::with_timeout(limit, where(shake.target), shake_hands(shake));
  if (shake.head.status != 101) {
    throw ApiError(where(shake.target), shake.head.status, shake.error_body);
  }
  if (header_of(shake.head, "upgrade") != lower(shake.target.protocol) &&
      header_of(shake.head, "upgrade") != shake.target.protocol) {
    throw Error(ErrorKind::unavailable, where(shake.target) + ": the pod speaks another protocol");
  }
  co_return std::make_unique<io::SocketStream>(std::move(shake.socket));
}

}  // namespace kt::kube
