// SPDX-License-Identifier: Apache-2.0
#include "kube/api_proxy.h"

#include "base/error.h"
#include "base/log.h"
#include "io/backoff.h"

#include <fmt/format.h>

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace kt::kube {
namespace {

// Starting costs 0.05 s and reads the kubeconfig, no network.
constexpr auto start_limit = std::chrono::seconds(10);

void check_folder(const std::string& socket_path) {
  if (socket_path.size() >= sizeof(sockaddr_un::sun_path)) {
    throw Error(ErrorKind::config,
                fmt::format("socket '{}': its path is longer than 107 bytes", socket_path),
                "set XDG_RUNTIME_DIR to a shorter folder");
  }
  const std::string folder = socket_path.substr(0, socket_path.rfind('/'));
  struct stat about {};
  check_errno(::stat(folder.c_str(), &about), fmt::format("folder '{}'", folder));
  if (about.st_uid != ::geteuid() || (about.st_mode & 077) != 0) {
    throw Error(ErrorKind::config, fmt::format("folder '{}': others may enter it", folder),
                fmt::format("chmod 700 {}", folder));
  }
}

// https://rancher.example/k8s/clusters/c-1 → true
bool has_path(const std::string& server) {
  const std::size_t authority = server.find("://");
  const std::size_t slash = server.find('/', authority == std::string::npos ? 0 : authority + 3);
  return slash != std::string::npos && slash + 1 < server.size();
}

bool is_serving(std::string_view line) {
  return line.starts_with("Starting to serve on ");
}

}  // namespace

ApiProxy::ApiProxy(const io::Executor& executor, Kubectl kubectl, const Config& config,
                   std::string socket_path)
    : child_(executor, std::move(kubectl)),
      socket_path_(std::move(socket_path)),
      append_server_path_(has_path(config.server)) {
  check_folder(socket_path_);
}

io::Task<> ApiProxy::start() {
  std::vector<std::string> arguments{"proxy", "--unix-socket=" + socket_path_};
  if (append_server_path_) {
    arguments.emplace_back("--append-server-path");
  }
  co_await io::with_timeout(start_limit, "kubectl proxy",
                            child_.start(std::move(arguments), {}, &is_serving));
}

io::Task<bool> ApiProxy::try_start() {
  try {
    co_await start();
    co_return true;
  } catch (const Error& e) {
    log::debug("kube", "{}", e.message());
  }
  co_return false;
}

io::Task<> ApiProxy::keep_running() {
  io::Backoff backoff(std::chrono::milliseconds(100), std::chrono::seconds(5));
  for (;;) {
    co_await child_.wait();
    if (stopping_) {
      co_return;
    }
    ++restarts_;
    log::debug("kube", "kubectl proxy has ended, starting it again: {}", last_words());
    while (!stopping_ && !co_await try_start()) {
      co_await io::sleep_for(backoff.next(0.5));  // one caller has nobody to keep apart from
    }
    backoff.reset();
  }
}

io::Task<> ApiProxy::stop() {
  stopping_ = true;
  co_await child_.stop();
  (void)::unlink(socket_path_.c_str());
}

}  // namespace kt::kube
