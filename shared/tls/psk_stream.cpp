// SPDX-License-Identifier: Apache-2.0
#include "tls/psk_stream.h"

#include "base/error.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace kt::tls {
namespace {

constexpr std::size_t write_limit = 256 * 1024;       // plain bytes in one write below
constexpr std::size_t smallest_input = 16 * 1024;     // while little comes; and for the handshake
constexpr std::size_t largest_input = 256 * 1024;     // under load

[[noreturn]] void throw_closed() {
  throw Error(ErrorKind::unavailable, "TLS: closed");
}

}  // namespace

PskStream::PskStream(std::unique_ptr<io::ByteStream> below, std::unique_ptr<PskEngine> engine,
                     const io::Executor& executor)
    : below_(std::move(below)), engine_(std::move(engine)), flushed_(executor) {}

PskStream::~PskStream() = default;

io::Task<std::unique_ptr<PskStream>> PskStream::connect(std::unique_ptr<io::ByteStream> below,
                                                        Identity identity, Key key,
                                                        io::Duration limit) {
  co_return co_await prove(std::move(below), std::make_unique<PskEngine>(identity, key), limit);
}

io::Task<std::unique_ptr<PskStream>> PskStream::accept(std::unique_ptr<io::ByteStream> below,
                                                       KeyLookup lookup, io::Duration limit) {
  co_return co_await prove(std::move(below), std::make_unique<PskEngine>(std::move(lookup)), limit);
}

io::Task<std::unique_ptr<PskStream>> PskStream::prove(std::unique_ptr<io::ByteStream> below,
                                                      std::unique_ptr<PskEngine> engine,
                                                      io::Duration limit) {
  const io::Executor executor = co_await io::asio::this_coro::executor;
  std::unique_ptr<PskStream> stream(new PskStream(std::move(below), std::move(engine), executor));
  co_await io::with_timeout(limit, "TLS handshake", stream->handshake());
  co_return stream;
}

io::Task<> PskStream::handshake() {
  for (;;) {
    bool done = false;
    std::exception_ptr failure;
    try {
      done = engine_->handshake();
    } catch (const Error&) {
      failure = std::current_exception();
    }
    co_await flush();  // of a failure, too: the alert tells the other side why
    if (failure != nullptr) {
      std::rethrow_exception(failure);
    }
    if (done) {
      co_return;
    }
    if (!co_await receive()) {
      throw Error(ErrorKind::unavailable, "TLS handshake: the other side closed");
    }
  }
}

// More input for the engine, which has none left; false at the end of the stream below. The buffer
// is as large as what comes: a full one doubles it, one that stays nearly empty halves it.
io::Task<bool> PskStream::receive() {
  if (input_.empty()) {
    input_.resize(smallest_input);
  }
  const std::size_t count = co_await below_->read_some(input_);
  engine_->feed(BytesView(input_).first(count));
  co_return count > 0;
}

io::Task<> PskStream::flush() {
  while (flushing_) {
    co_await flushed_.wait();
  }
  flushing_ = true;
  co_return;
}

}  // namespace kt::tls
