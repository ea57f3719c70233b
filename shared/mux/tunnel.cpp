// SPDX-License-Identifier: Apache-2.0
#include "mux/tunnel.h"

#include "base/error.h"
#include "io/task_group.h"

#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cerrno>

namespace kt::mux {
namespace {

using io::Task;

// One read of a link: a few TLS records, so that a busy link costs few turns of the loop.
constexpr std::chrono::milliseconds patience{200};
constexpr std::size_t read_size = 256 * 1024;
// One write of a link: what waits leaves together.
constexpr std::size_t write_size = 2 * Core::min_fill + 4096;

}  // namespace

// A living link; in run_link()'s frame.
struct Tunnel::Link {
  Link(const io::Executor& executor, std::unique_ptr<io::ByteStream> bytes, LinkHandle number)
      : stream(std::move(bytes)), handle(number), wake(executor) {}

  std::unique_ptr<io::ByteStream> stream;
  LinkHandle handle;
  io::Event wake;  // there is something to write, or the link has ended
  bool ended = false;
  std::string why;
};

Tunnel::Tunnel(const io::Executor& executor, const Options& options)
    : executor_(executor),
      core_(options, io::Clock::now()),
      time_changed_(executor),
      incoming_(executor) {}

Tunnel::~Tunnel() = default;

Task<std::string> Tunnel::run() {
  while (!core_.ended()) {
    const io::TimePoint now = io::Clock::now();
    core_.advance(now);
    settle();
    armed_ = core_.next_deadline();
    if (core_.ended()) {
      break;
    }
    if (armed_ == io::TimePoint::max()) {
      co_await time_changed_.wait();
    } else if (armed_ > now) {
      (void)co_await time_changed_.wait_for(armed_ - now);
    }
  }
  settle();
  co_await last_words();
  co_return core_.end_reason();
}

// The GOAWAY leaves with each link's next write; a link that does not take it is closed without.
Task<> Tunnel::last_words() {
  const io::TimePoint until = io::Clock::now() + patience;
  while (!links_.empty() && io::Clock::now() < until) {
    (void)co_await time_changed_.wait_for(until - io::Clock::now());
  }
  for (const auto& [handle, link] : links_) {
    close_link(handle, core_.end_reason());
  }
}

Task<std::string> Tunnel::run_link(std::unique_ptr<io::ByteStream> stream, LinkName name) {
  const std::optional<LinkHandle> handle = core_.add_link(name, io::Clock::now());
  if (!handle) {
    stream->close();
    co_return "a newer generation of this link is there";
  }
  Link link(executor_, std::move(stream), *handle);
  links_[*handle] = &link;
  settle();
  io::TaskGroup both(executor_);
  both.spawn(read_link(link));
  both.spawn(write_link(link));
  std::exception_ptr cancelled;
  try {
    co_await both.join();
  } catch (...) {
    cancelled = std::current_exception();
  }
  links_.erase(*handle);
  time_changed_.notify();
  link.stream->close();
  core_.remove_link(*handle, io::Clock::now());
  settle();
  if (cancelled != nullptr) {
    std::rethrow_exception(cancelled);
  }
  co_return link.why;
}

void Tunnel::close_link(LinkHandle handle, std::string why) {
  const auto found = links_.find(handle);
  if (found == links_.end() || found->second->ended) {
    return;
  }
  Link& link = *found->second;
  link.ended = true;
  link.why = std::move(why);
  link.wake.notify();
  link.stream->close();
}

Task<> Tunnel::read_link(Link& link) {
  Bytes buffer(read_size);
  while (!link.ended) {
    std::size_t count = 0;
    std::string broken = "the other end closed it";
    try {
      count = co_await link.stream->read_some(buffer);
    } catch (const Error& e) {
      broken = e.message();
    } catch (const boost::system::system_error&) {
      if (!link.ended) {
        throw;  // a cancellation; else close_link() has ended the read
      }
    }
    if (count == 0) {
      close_link(link.handle, broken);
      co_return;
    }
    core_.receive(link.handle, BytesView(buffer).first(count), io::Clock::now());
    settle();
  }
}

Task<> Tunnel::write_link(Link& link) {
  // Kept for the link's life: to make it anew, with its zeros, would cost more than a small write.
  Bytes buffer(write_size);
  while (!link.ended) {
    if (!core_.wants_write(link.handle)) {
      if (core_.ended()) {
        close_link(link.handle, core_.end_reason());
        co_return;
      }
      co_await link.wake.wait();
      continue;
    }
    const std::size_t count = core_.fill(link.handle, buffer, io::Clock::now());
    settle();
    std::string broken;
    try {
      co_await link.stream->write_all(BytesView(buffer).first(count));
    } catch (const Error& e) {
      broken = e.message();
    } catch (const boost::system::system_error&) {
      if (!link.ended) {
        throw;
      }
    }
    if (!broken.empty()) {
      close_link(link.handle, broken);
    }
  }
}

// After every call of the core: its events, its links that may write, its next moment.
void Tunnel::settle() {
  for (const Event& event : core_.take_events()) {
    dispatch(event);
  }
  for (const auto& [handle, link] : links_) {
    if (core_.wants_write(handle)) {
      link->wake.notify();
    }
  }
  if (core_.ended() || core_.next_deadline() < armed_) {
    time_changed_.notify();
  }
}

void Tunnel::dispatch(const Event& event) {
  switch (event.kind) {
    case EventKind::incoming:
      waiting_.push_back(event.id);
      incoming_.notify();
      return;
    case EventKind::changed: {
      const auto stream = streams_.find(event.id);
      if (stream != streams_.end()) {
        stream->second->changed_.notify();
      }
      return;
    }
    case EventKind::link_ended:
      close_link(event.id, core_.link_end(event.id));
      return;
    case EventKind::ended:
      incoming_.notify();
      time_changed_.notify();
      for (const auto& [handle, link] : links_) {
        link->wake.notify();
      }
      for (const auto& [id, stream] : streams_) {
        stream->changed_.notify();
      }
      return;
  }
}

std::unique_ptr<Stream> Tunnel::adopt(StreamId id) {
  auto stream = std::make_unique<Stream>(*this, id);
  streams_[id] = stream.get();
  return stream;
}

void Tunnel::forget(StreamId id) {
  streams_.erase(id);
  settle();
}

Task<OpenResult> Tunnel::open(Target target) {
  const StreamId id = core_.open(target, io::Clock::now());
  if (id == 0) {
    co_return OpenResult{nullptr, core_.ended() ? ECONNABORTED : EMFILE};
  }
  std::unique_ptr<Stream> stream = adopt(id);
  settle();
  while (stream->opening() && stream->error() == 0) {
    co_await stream->changed();
  }
  const int error = stream->error();
  if (error != 0) {
    co_return OpenResult{nullptr, error};
  }
  co_return OpenResult{std::move(stream), 0};
}

std::unique_ptr<Stream> Tunnel::begin(const Target& target) {
  const StreamId id = core_.open(target, io::Clock::now());
  if (id == 0) {
    return nullptr;
  }
  std::unique_ptr<Stream> stream = adopt(id);
  settle();
  return stream;
}

Task<std::unique_ptr<Stream>> Tunnel::accept() {
  while (waiting_.empty() && !core_.ended()) {
    co_await incoming_.wait();
  }
  if (waiting_.empty()) {
    co_return nullptr;
  }
  const StreamId id = waiting_.front();
  waiting_.pop_front();
  co_return adopt(id);
}

void Tunnel::drain(const std::string& reason) {
  core_.drain(reason);
  settle();
}

void Tunnel::end(const std::string& reason) {
  core_.end(GoawayReason::ended, reason);
  settle();
}

TunnelStatus Tunnel::status() const {
  TunnelStatus status;
  for (const LinkCounters& link : core_.links()) {
    status.links.push_back(
        {link.name, link.round_trip, link.last_heard, link.bytes_in, link.bytes_out});
  }
  status.bytes_in = core_.bytes_in();
  status.bytes_out = core_.bytes_out();
  status.streams = core_.streams();
  status.streams_ever = core_.streams_ever();
  status.without_link_since = core_.without_link_since();
  return status;
}

}  // namespace kt::mux
