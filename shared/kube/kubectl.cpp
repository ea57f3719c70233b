// SPDX-License-Identifier: Apache-2.0
#include "kube/kubectl.h"

#include "base/error.h"
#include "base/log.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <string_view>

namespace kt::kube {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view space = " \t\r\n";
  const std::size_t first = text.find_first_not_of(space);
  return first == std::string_view::npos
             ? std::string_view{}
             : text.substr(first, text.find_last_not_of(space) - first + 1);
}

std::string_view last_line(std::string_view text) {
  text = trim(text);
  const std::size_t newline = text.rfind('\n');
  return newline == std::string_view::npos ? text : trim(text.substr(newline + 1));
}

// klog's "E1124 17:05:00.123456   12345 file.go:12] " says nothing to a user.
std::string_view without_klog_head(std::string_view line) {
  const std::size_t end = line.find("] ");
  const bool is_klog = line.size() > 5 && std::string_view("EWIF").find(line[0]) != line.npos &&
                       line[1] >= '0' && line[1] <= '9';
  return is_klog && end != std::string_view::npos ? line.substr(end + 2) : line;
}

}  // namespace

io::Command Kubectl::command(std::vector<std::string> arguments) const {
  io::Command result;
  result.argv.push_back(program);
  result.argv.insert(result.argv.end(), arguments.begin(), arguments.end());
  const std::vector<std::string> connection = flags.argv();
  result.argv.insert(result.argv.end(), connection.begin(), connection.end());
  return result;
}

std::string Kubectl::printable(const std::vector<std::string>& arguments) const {
  std::string line = fmt::format("kubectl {}", fmt::join(arguments, " "));
  for (const std::string& flag : flags.printable()) {
    line += " " + flag;
  }
  return line;
}

void throw_kubectl_missing(const std::string& program) {
  throw Error(ErrorKind::config, fmt::format("cannot run '{}': not found in PATH", program),
              "install kubectl 1.26 or later: https://kubernetes.io/docs/tasks/tools/");
}

std::string kubectl_complaint(const std::string& standard_error) {
  std::string_view line = without_klog_head(last_line(standard_error));
  constexpr std::array<std::string_view, 4> prefixes{
      "error: ", "Error: ", "Unable to connect to the server: ",
      "couldn't get current server API group list: "};
  for (const std::string_view prefix : prefixes) {
    line = line.starts_with(prefix) ? line.substr(prefix.size()) : line;
  }
  return line.empty() ? "kubectl said nothing" : log::harmless(line.substr(0, 1024));
}

}  // namespace kt::kube
