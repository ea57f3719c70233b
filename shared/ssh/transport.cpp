// SPDX-License-Identifier: Apache-2.0
#include "ssh/transport.h"

#include <fmt/format.h>

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

namespace kt::ssh {
namespace {

// What is read below at once, and so about what libssh2 keeps in its packet list.
constexpr std::size_t input_size = 128UL * 1024;

[[noreturn]] void throw_closed() {
  throw Error(ErrorKind::unavailable, "SSH: the connection is closed");
}

// libssh2's process-wide state lives from the first session to the end of the process.
void start_library() {
  struct Library {
    Library() : failed(::libssh2_init(0)) {}
    ~Library() { ::libssh2_exit(); }
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;
    int failed;
  };
  static const Library library;
  KT_ASSERT(library.failed == 0);
}

// Sets a flag while one task is at something that only one may do; wakes the others when done.
class Turn {
 public:
  Turn(bool& flag, io::Event& changed) : flag_(flag), changed_(changed) { flag_ = true; }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    flag_ = false;
    changed_.notify();
  }

 private:
  bool& flag_;
  io::Event& changed_;
};

}  // namespace

// recv(2) and send(2) as libssh2 knows them, but for errno, which is returned negated.
struct TransportCallbacks {
  static ssize_t receive(libssh2_socket_t, void* into, std::size_t limit, int, void** abstract) {
    auto& self = *static_cast<Transport*>(*abstract);
    if (self.unread_.empty()) {
      return self.ended_ || self.closed_ ? 0 : -EAGAIN;
    }
    const std::size_t count = std::min(limit, self.unread_.size());
    std::memcpy(into, self.unread_.data(), count);
    self.unread_ = self.unread_.subspan(count);
    return static_cast<ssize_t>(count);
  }

  static ssize_t send(libssh2_socket_t, const void* from, std::size_t size, int, void** abstract) {
    auto& self = *static_cast<Transport*>(*abstract);
    const auto* const begin = static_cast<const std::byte*>(from);
    self.output_.insert(self.output_.end(), begin, begin + size);
    return static_cast<ssize_t>(size);
  }
};

Transport::Transport(std::unique_ptr<io::ByteStream> below, const io::Executor& executor)
    : below_(std::move(below)),
      descriptor_(check_errno(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")),
      changed_(executor) {
  start_library();
  session_.reset(::libssh2_session_init_ex(nullptr, nullptr, nullptr, this));
  KT_ASSERT(session_ != nullptr);
  ::libssh2_session_set_blocking(session_.get(), 0);
  // libssh2 takes every kind of callback as void*.
  ::libssh2_session_callback_set(session_.get(), LIBSSH2_CALLBACK_RECV,
                                 reinterpret_cast<void*>(&TransportCallbacks::receive));
  ::libssh2_session_callback_set(session_.get(), LIBSSH2_CALLBACK_SEND,
                                 reinterpret_cast<void*>(&TransportCallbacks::send));
}

Transport::~Transport() {
  close();
}

// Frees the channels, too: each says close, and waits for an answer that `closed_` cuts short. A
// call sends or frees one thing at least, so that some few are always enough.
void Transport::Free::operator()(LIBSSH2_SESSION* session) const noexcept {
  for (int tries = 0; tries < 16 && ::libssh2_session_free(session) == LIBSSH2_ERROR_EAGAIN;) {
    ++tries;
  }
}

io::Task<int> Transport::finish(std::function<int()> step) {
  for (;;) {
    const std::uint64_t seen = received_;
    const int result = step();
    co_await flush();
    if (result != LIBSSH2_ERROR_EAGAIN) {
      co_return result;
    }
    co_await wait_for_more(seen);
  }
}

io::Task<> Transport::wait_for_more(std::uint64_t seen) {
  while (received_ == seen) {
    if (closed_ || ended_) {
      throw_closed();
    }
    if (receiving_) {
      co_await changed_.wait();
    } else {
      co_await receive();
    }
  }
}

io::Task<> Transport::receive() {
  const Turn turn(receiving_, changed_);
  input_.resize(input_size);
  // libssh2 takes all there is before it asks for more; should it ever not, nothing is lost.
  std::ranges::copy(unread_, input_.begin());
  const std::size_t kept = unread_.size();
  KT_ASSERT(kept < input_size);
  const std::size_t count = co_await below_->read_some(MutableBytes(input_).subspan(kept));
  unread_ = BytesView(input_).first(kept + count);
  ended_ = count == 0;
  ++received_;
}

io::Task<> Transport::flush() {
  while (writing_ || !output_.empty()) {
    if (closed_) {
      throw_closed();
    }
    if (writing_) {
      co_await changed_.wait();
    } else {
      co_await write_output();
    }
  }
}

io::Task<> Transport::flush_unless_busy() {
  while (!writing_ && !output_.empty()) {
    if (closed_) {
      throw_closed();
    }
    co_await write_output();
  }
}

io::Task<> Transport::write_output() {
  // What was written only in part cannot be continued: then the connection is at its end.
  struct CloseUnlessWhole {
    ~CloseUnlessWhole() {
      if (!whole) {
        transport.close();
      }
    }
    Transport& transport;
    bool whole = false;
  };
  const Turn turn(writing_, changed_);
  CloseUnlessWhole guard{*this};
  const Bytes output = std::exchange(output_, Bytes());
  co_await below_->write_all(output);
  guard.whole = true;
}

void Transport::close() noexcept {
  if (!std::exchange(closed_, true)) {
    below_->close();
    changed_.notify();
  }
}

Error Transport::last_error(std::string_view doing) const {
  char* text = nullptr;
  int length = 0;
  ::libssh2_session_last_error(session_.get(), &text, &length, 0);
  const std::string_view why(text == nullptr ? "" : text, static_cast<std::size_t>(length));
  return {ErrorKind::unavailable, fmt::format("{}: {}", doing, why)};
}

}  // namespace kt::ssh
