// SPDX-License-Identifier: Apache-2.0
// The line protocol over a stream of the mux.
#include "agent/front.h"
#include "agent/front_words.h"
#include "base/error.h"
#include "base/log.h"

#include <array>
#include <exception>

namespace kt::agent {
namespace {

using io::Task;

constexpr std::chrono::seconds counts_pause{1};

}  // namespace

Task<> Front::converse(std::unique_ptr<mux::Stream> stream) {
  stream->opened();
  io::TaskGroup teller(executor_);
  teller.spawn(tell(*stream));
  std::exception_ptr cancelled;
  try {
    co_await listen(*stream);
  } catch (const Error& e) {
    log::debug("front", "control: {}", e.message());
  } catch (...) {
    cancelled = std::current_exception();
  }
  co_await io::ignore_cancellation();
  co_await teller.stop();
  if (cancelled != nullptr) {
    std::rethrow_exception(cancelled);
  }
}

Task<> Front::listen(mux::Stream& stream) {
  FrontLines lines;
  std::array<std::byte, FrontLines::longest> buffer;
  while (const std::size_t count = co_await stream.read_some(buffer)) {
    for (const std::string& word : lines.receive(BytesView(buffer).first(count))) {
      log::debug("front", "the laptop says {}", word);
      state_.hear(word);
    }
    wake();
  }
}

Task<> Front::tell(mux::Stream& stream) {
  FrontNews news;
  while (true) {
    const std::string lines = news.take(state_, io::Clock::now());
    if (lines.empty()) {
      (void)co_await news_.wait_for(counts_pause);
    } else {
      co_await stream.write_all(as_bytes(lines));
    }
  }
}

}  // namespace kt::agent
