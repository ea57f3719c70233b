// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/joiners.h"

#include "base/log.h"
#include "io/readiness.h"

#include <fmt/format.h>

#include <sys/socket.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace kt::connect {

using io::Task;

// Lives in the frame of its serve().
struct Joiners::Joiner {
  Joiner(const io::Executor& executor, JoinSocket end) : socket(std::move(end)), tasks(executor) {}

  JoinSocket socket;
  io::TaskGroup tasks;  // its capture
  JoinHello hello;
  std::chrono::system_clock::time_point since = std::chrono::system_clock::now();
  bool accepted = false;
};

Joiners::Joiners(const io::Executor& executor, std::string tunnel)
    : executor_(executor), tunnel_(std::move(tunnel)), changed_(executor), tasks_(executor) {}

Joiners::~Joiners() {
  for (JoinSocket& socket : leaving_) {
    socket.keep_until_exit();
  }
}

void Joiners::adopt(JoinSocket socket) {
  tasks_.spawn(serve(std::move(socket)));
}

Task<> Joiners::listen(std::string path) {
  io::asio::posix::stream_descriptor listener(executor_, listen_for_joiners(path).release());
  while (true) {
    co_await io::until_readable(listener);
    UniqueFd fd(::accept4(listener.native_handle(), nullptr, nullptr, SOCK_CLOEXEC));
    if (fd && is_same_user(fd.get())) {
      adopt(JoinSocket(executor_, std::move(fd)));
    }
  }
}

void Joiners::let_in(JoinReady ready, const CaptureServices& services) {
  ready_ = std::move(ready);
  services_.emplace(services);
  tell(*ready_);
}

Task<> Joiners::serve(JoinSocket socket) {
  Joiner joiner(executor_, std::move(socket));
  joiners_.push_back(&joiner);
  std::exception_ptr cancelled;
  try {
    co_await converse(joiner);
  } catch (const Error& e) {
    log::debug("join", "{}", e.message());
  } catch (...) {
    cancelled = std::current_exception();
  }
  co_await io::ignore_cancellation();
  co_await joiner.tasks.stop();
  joiners_.remove(&joiner);
  part(joiner);
  changed_.notify();
  if (cancelled != nullptr) {
    std::rethrow_exception(cancelled);
  }
}

// Until it leaves, or says what it may not.
Task<> Joiners::converse(Joiner& joiner) {
  while (auto received = co_await joiner.socket.receive()) {
    if (auto* hello = std::get_if<JoinHello>(&received->message)) {
      if (!welcome(joiner, std::move(*hello))) {
        co_return;
      }
    } else if (std::holds_alternative<JoinCapture>(received->message) && joiner.accepted) {
      capture_for(joiner, std::move(received->descriptors));
    } else {
      co_return;
    }
  }
}

bool Joiners::welcome(Joiner& joiner, JoinHello hello) {
  if (hello.tunnel != tunnel_) {
    joiner.socket.send(JoinRefused{});
    return false;
  }
  joiner.hello = std::move(hello);
  joiner.accepted = true;
  joiner.socket.send(JoinAccepted{});
  joiner.socket.send(JoinLeftovers{leftovers_});
  if (ready_) {
    joiner.socket.send(*ready_);
  }
  changed_.notify();
  return true;
}

void Joiners::capture_for(Joiner& joiner, std::vector<UniqueFd> descriptors) {
  if (!services_ || descriptors.size() < 2 || joiner.tasks.size() > 0) {
    return;
  }
  CaptureDescriptors capturing{std::move(descriptors[0]), std::move(descriptors[1]), {}};
  if (descriptors.size() > 2) {
    capturing.listener_v6 = std::move(descriptors[2]);
  }
  joiner.tasks.spawn(capture(std::move(capturing), *services_));
  joiner.socket.send(JoinCapturing{});
}

// Whoever is the last waits for our end, and hears what has been put back.
void Joiners::part(Joiner& joiner) {
  if (!joiner.accepted) {
    return;
  }
  linger_ = joiner.hello.linger;
  if (stopped_ || (joiners_.empty() && linger_ == std::chrono::seconds(0))) {
    leaving_.push_back(std::move(joiner.socket));
  } else if (joiners_.empty()) {
    joiner.socket.send(
        JoinLine{{}, fmt::format("the tunnel stays for {}", cli::render_duration(linger_))});
  }
}

void Joiners::tell(const JoinMessage& message) {
  for (Joiner* const joiner : joiners_) {
    if (joiner->accepted) {
      joiner->socket.send(message);
    }
  }
  for (JoinSocket& socket : leaving_) {
    socket.send(message);
  }
}

void Joiners::say(const cli::Line& line) {
  tell(line);
}

void Joiners::set_leftovers(std::string text) {
  leftovers_ = std::move(text);
  tell(JoinLeftovers{leftovers_});
}

void Joiners::fail(const Error& error) {
  tell(JoinFailed{error.kind(), error.message(), error.hint()});
}

Task<> Joiners::until_deserted() {
  while (true) {
    while (!joiners_.empty()) {
      leaving_.clear();  // we do not end after all
      co_await changed_.wait();
    }
    const io::TimePoint until = io::Clock::now() + linger_;
    while (joiners_.empty() && io::Clock::now() < until) {
      (void)co_await changed_.wait_for(until - io::Clock::now());
    }
    if (joiners_.empty()) {
      co_return;
    }
  }
}

Task<> Joiners::stop() {
  stopped_ = true;
  co_await tasks_.stop();
}

std::vector<JoinedCommand> Joiners::commands() const {
  std::vector<JoinedCommand> commands;
  for (const Joiner* const joiner : joiners_) {
    if (joiner->accepted) {
      commands.push_back({joiner->hello.pid, joiner->hello.command, joiner->since});
    }
  }
  return commands;
}

}  // namespace kt::connect
