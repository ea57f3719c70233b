// SPDX-License-Identifier: Apache-2.0
#include "mux/stream.h"

#include "base/error.h"
#include "mux/tunnel.h"

#include <fmt/format.h>

#include <algorithm>

namespace kt::mux {
namespace {

using io::Task;

[[noreturn]] void throw_broken(int error) {
  throw Error(ErrorKind::unavailable, fmt::format("stream: {}", errno_text(error)));
}

}  // namespace

Stream::Stream(Tunnel& tunnel, StreamId id)
    : tunnel_(tunnel), id_(id), changed_(tunnel.executor_) {}

Stream::~Stream() {
  tunnel_.core_.release(id_);
  tunnel_.forget(id_);
}

Target Stream::target() const {
  const StreamState* state = tunnel_.core_.find(id_);
  return state == nullptr ? Target{} : state->target;
}

void Stream::opened() {
  tunnel_.core_.opened(id_);
  tunnel_.settle();
}

void Stream::failed(int error) {
  tunnel_.core_.failed(id_, error);
  tunnel_.settle();
}

bool Stream::opening() const {
  const StreamState* state = tunnel_.core_.find(id_);
  return state != nullptr && state->phase == Phase::opening;
}

Task<> Stream::readable() {
  while (peek().empty() && !ended() && error() == 0) {
    co_await changed_.wait();
  }
}

BytesView Stream::peek() const {
  const StreamState* state = tunnel_.core_.find(id_);
  return state == nullptr ? BytesView{} : state->receive.peek();
}

std::size_t Stream::peek(std::span<BytesView> parts) const {
  const StreamState* state = tunnel_.core_.find(id_);
  return state == nullptr ? 0 : state->receive.peek(parts);
}

void Stream::consume(std::size_t count) {
  tunnel_.core_.consume(id_, count, io::Clock::now());
  tunnel_.settle();
}

bool Stream::ended() const {
  const StreamState* state = tunnel_.core_.find(id_);
  return state == nullptr || state->receive.ended();
}

Task<> Stream::writable() {
  while (error() == 0) {
    const StreamState* state = tunnel_.core_.find(id_);
    if (state == nullptr || state->send.room() > 0) {
      const MutableBytes room = prepare();
      if (!room.empty()) {
        commit(0);
        co_return;
      }
    }
    co_await changed_.wait();
  }
}

MutableBytes Stream::prepare() {
  return tunnel_.core_.prepare(id_);
}

void Stream::commit(std::size_t count) {
  tunnel_.core_.commit(id_, count, io::Clock::now());
  if (count > 0) {
    tunnel_.settle();
  }
}

std::size_t Stream::write(BytesView bytes) {
  std::size_t written = 0;
  while (written < bytes.size()) {
    const MutableBytes room = prepare();
    const std::size_t count = std::min(room.size(), bytes.size() - written);
    if (count == 0) {
      break;
    }
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(written), count, room.begin());
    commit(count);
    written += count;
  }
  return written;
}

void Stream::finish() {
  tunnel_.core_.finish(id_);
  tunnel_.settle();
}

void Stream::reset(int error) {
  tunnel_.core_.reset(id_, error);
  tunnel_.settle();
}

int Stream::error() const {
  const StreamState* state = tunnel_.core_.find(id_);
  return state == nullptr ? 0 : state->error;
}

bool Stream::over() const {
  const StreamState* state = tunnel_.core_.find(id_);
  return state == nullptr || state->phase == Phase::over || state->error != 0;
}

Task<std::size_t> Stream::read_some(MutableBytes into) {
  co_await readable();
  if (error() != 0) {
    throw_broken(error());
  }
  const BytesView data = peek();
  const std::size_t count = std::min(data.size(), into.size());
  std::copy_n(data.begin(), count, into.begin());
  consume(count);
  co_return count;
}

Task<> Stream::write_all(BytesView from) {
  while (!from.empty()) {
    co_await writable();
    if (error() != 0) {
      throw_broken(error());
    }
    from = from.subspan(write(from));
  }
}

Task<std::optional<Bytes>> Stream::receive_datagram() {
  while (true) {
    std::optional<Bytes> datagram = tunnel_.core_.take_datagram(id_);
    if (datagram || ended() || over()) {
      co_return datagram;
    }
    co_await changed_.wait();
  }
}

bool Stream::send_datagram(BytesView datagram) {
  const bool taken = tunnel_.core_.send_datagram(id_, datagram);
  tunnel_.settle();
  return taken;
}

}  // namespace kt::mux
