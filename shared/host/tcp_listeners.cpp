// SPDX-License-Identifier: Apache-2.0
#include "host/tcp_listeners.h"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace kt::host {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view listening = "0A";
constexpr std::size_t inode_field = 9;

// The `index`th word of a line; empty behind the last.
std::string_view word_of(std::string_view line, std::size_t index) {
  std::size_t begin = line.find_first_not_of(' ');
  while (begin != std::string_view::npos) {
    const std::size_t end = std::min(line.find(' ', begin), line.size());
    if (index-- == 0) {
      return line.substr(begin, end - begin);
    }
    begin = line.find_first_not_of(' ', end);
  }
  return {};
}

template <class Number>
std::optional<Number> parse_number(std::string_view text, int base) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number)
                                                                  : std::nullopt;
}

// Addresses are 32-bit words in the host's order, here little-endian: 127.0.0.1 is 0100007F.
bool is_on_loopback(std::string_view address, bool v6) {
  const bool any = address.find_first_not_of('0') == std::string_view::npos;
  const bool loopback =
      v6 ? address == "00000000000000000000000001000000" : address.ends_with("7F");
  return any || loopback;
}

void add_listeners(pid_t pid, bool v6, std::vector<TcpListener>& into) {
  std::ifstream file(fmt::format("/proc/{}/net/{}", pid, v6 ? "tcp6" : "tcp"));
  std::string line;
  std::getline(file, line);  // the heading
  while (std::getline(file, line)) {
    const auto listener = parse_tcp_listener(line, v6);
    if (!listener) {
      return;  // from here on connections
    }
    into.push_back(*listener);
  }
}

bool has_socket(const fs::path& process, std::uint64_t inode) {
  const std::string wanted = fmt::format("socket:[{}]", inode);
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(process / "fd", ignored)) {
    if (fs::read_symlink(entry.path(), ignored) == wanted) {
      return true;
    }
  }
  return false;
}

std::string name_of(const fs::path& process) {
  std::ifstream file(process / "comm");
  std::string name;
  std::getline(file, name);
  return fmt::format("{} (pid {})", name, process.filename().string());
}

}  // namespace

std::optional<TcpListener> parse_tcp_listener(std::string_view line, bool v6) {
  const std::string_view local = word_of(line, 1);
  const std::size_t colon = local.find(':');
  if (colon == std::string_view::npos || word_of(line, 3) != listening) {
    return std::nullopt;
  }
  const auto port = parse_number<std::uint16_t>(local.substr(colon + 1), 16);
  const auto inode = parse_number<std::uint64_t>(word_of(line, inode_field), 10);
  if (!port || !inode) {
    return std::nullopt;
  }
  return TcpListener{*port, v6, is_on_loopback(local.substr(0, colon), v6), *inode};
}

std::vector<TcpListener> tcp_listeners(pid_t pid) {
  std::vector<TcpListener> listeners;
  add_listeners(pid, false, listeners);
  add_listeners(pid, true, listeners);
  return listeners;
}

std::string owner_of_port(std::uint16_t port) {
  const std::vector<TcpListener> all = tcp_listeners(::getpid());
  const auto taken = std::ranges::find_if(
      all, [port](const TcpListener& l) { return l.port == port && l.on_loopback; });
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string pid = entry.path().filename();
    const bool process = pid.find_first_not_of("0123456789") == std::string::npos;
    if (taken != all.end() && process && has_socket(entry.path(), taken->inode)) {
      return name_of(entry.path());
    }
  }
  return {};
}

}  // namespace kt::host
