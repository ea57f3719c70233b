// SPDX-License-Identifier: Apache-2.0
#include "tls/psk_stream.h"

#include "base/error.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace kt::tls {
namespace {

constexpr std::size_t write_limit = 256UL * 1024;    // plain bytes in one write below
constexpr std::size_t handshake_limit = 8UL * 1024;  // from a caller that has proved nothing
constexpr std::size_t smallest_input = 16UL * 1024;  // while little comes; and for the handshake
constexpr std::size_t largest_input = 256UL * 1024;  // under load

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
  std::exception_ptr failure;
  try {
    while (!engine_->handshake()) {
      co_await flush();
      co_await receive_unproved();
    }
  } catch (const Error&) {
    failure = std::current_exception();
  }
  if (failure != nullptr) {
    co_await send_alert();
    std::rethrow_exception(failure);
  }
  co_await flush();
}

io::Task<> PskStream::receive_unproved() {
  if (unproved_ > handshake_limit) {
    throw Error(ErrorKind::unavailable, "TLS handshake: more than 8 KiB");
  }
  if (!co_await receive()) {
    throw Error(ErrorKind::unavailable, "TLS handshake: the other side closed");
  }
  unproved_ += last_read_;
}

// Tells the other side why; whether it still listens is not our failure.
io::Task<> PskStream::send_alert() {
  try {
    co_await flush();
  } catch (const Error&) {
  }
}

// The buffer follows what comes: a read that filled it doubles it, one that left seven eighths
// empty halves it, so an idle link keeps little.
std::size_t PskStream::next_input_size() const {
  const std::size_t size = input_.size();
  if (last_read_ == size) {
    return std::clamp(size * 2, smallest_input, largest_input);
  }
  return last_read_ < size / 8 ? std::max(size / 2, smallest_input) : size;
}

// More input for the engine, which has none left; false at the end of the stream below.
io::Task<bool> PskStream::receive() {
  if (const std::size_t size = next_input_size(); size != input_.size()) {
    input_ = Bytes(size);
  }
  last_read_ = co_await below_->read_some(input_);
  engine_->feed(BytesView(input_).first(last_read_));
  co_return last_read_ > 0;
}

io::Task<std::size_t> PskStream::read_some(MutableBytes into) {
  for (;;) {
    if (closed_) {
      throw_closed();
    }
    const std::size_t count = engine_->decrypt(into);
    // An answer to a key update; a writer at work takes it along.
    if (engine_->has_output() && !flushing_) {
      co_await flush();
    }
    if (count > 0 || engine_->closed_by_peer()) {
      bytes_read_ += count;
      co_return count;
    }
    if (!co_await receive()) {
      if (engine_->inside_record()) {
        throw Error(ErrorKind::unavailable, "read from TLS: the stream ended inside a record");
      }
      co_return 0;
    }
  }
}

io::Task<> PskStream::write_all(BytesView from) {
  while (!from.empty()) {
    if (closed_) {
      throw_closed();
    }
    const BytesView piece = from.first(std::min(from.size(), write_limit));
    engine_->encrypt(piece);
    co_await flush();
    bytes_written_ += piece.size();
    from = from.subspan(piece.size());
  }
}

// Returns when everything that the engine has put out so far has been written, by us or another.
io::Task<> PskStream::flush() {
  while (flushing_ || engine_->has_output()) {
    if (closed_) {
      throw_closed();
    }
    if (flushing_) {
      co_await flushed_.wait();
    } else {
      co_await write_output();
    }
  }
}

io::Task<> PskStream::write_output() {
  // What was written only in part cannot be continued: then the stream is at its end.
  struct Turn {
    explicit Turn(PskStream& stream) : self(stream) { self.flushing_ = true; }
    ~Turn() {
      self.flushing_ = false;
      self.flushed_.notify();
      if (!whole) {
        self.close();
      }
    }
    PskStream& self;
    bool whole = false;
  };
  Turn turn(*this);
  const Bytes output = engine_->take_output();
  co_await below_->write_all(output);
  turn.whole = true;
}

void PskStream::close() noexcept {
  if (!std::exchange(closed_, true)) {
    below_->close();
    flushed_.notify();
  }
}

}  // namespace kt::tls
