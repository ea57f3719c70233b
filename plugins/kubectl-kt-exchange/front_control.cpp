// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-exchange/front_control.h"

#include "base/error.h"
#include "base/log.h"

#include <array>
#include <charconv>

namespace kt::exchange {
namespace {

using io::Task;

constexpr std::size_t longest_line = 200;  // bytes

// The next word of `text`, taken away.
std::string_view take_word(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

// 0 for what is no number.
unsigned long long take_number(std::string_view& text) {
  const std::string_view word = take_word(text);
  unsigned long long number = 0;
  (void)std::from_chars(word.data(), word.data() + word.size(), number);
  return number;
}

}  // namespace

void read_line(std::string_view line, FrontNews& news) {
  const std::string_view word = take_word(line);
  if (word == "ready" || word == "unready") {
    news.ready = word == "ready";
  }
  if (word == "proven") {
    const unsigned long long port = take_number(line);
    if (port > 0 && port < 65536) {
      news.proven.insert(static_cast<std::uint16_t>(port));
    }
  }
  if (word == "counts") {
    std::array<unsigned long long, 4> numbers{};
    for (unsigned long long& number : numbers) {
      number = take_number(line);
    }
    news.accepted = numbers[0];
    news.open = numbers[1];
    news.held = numbers[2];
    news.failed = numbers[3];
  }
}

Task<> FrontControl::run(mux::Tunnel& tunnel) {
  mux::OpenResult opened =
      co_await tunnel.open({mux::Protocol::front, {mux::Address{}, 0}, std::nullopt});
  if (opened.stream == nullptr) {
    throw Error(ErrorKind::unavailable, "front of the shadow pod: " + errno_text(opened.error),
                "is its image of this version? --image");
  }
  stream_ = opened.stream.get();
  for (const std::string& word : words_) {
    (void)stream_->write(as_bytes(word + "\n"));
  }
  std::exception_ptr failure;
  try {
    co_await listen(*stream_);
  } catch (...) {
    failure = std::current_exception();
  }
  if (stream_ == opened.stream.get()) {
    stream_ = nullptr;
  }
  if (failure != nullptr) {
    std::rethrow_exception(failure);
  }
}

Task<> FrontControl::listen(mux::Stream& stream) {
  std::string text;
  std::array<std::byte, longest_line> buffer{};
  while (const std::size_t count = co_await stream.read_some(buffer)) {
    text += to_string(BytesView(buffer).first(count));
    for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
      if (stream_ == &stream) {  // else it is that of a pod that is ending
        read_line(std::string_view(text).substr(0, end), news_);
      }
      text.erase(0, end + 1);
    }
    if (text.size() > longest_line) {
      text.clear();
    }
    changed_.notify();
  }
}

void FrontControl::say(std::string word) {
  if (stream_ != nullptr) {
    (void)stream_->write(as_bytes(word + "\n"));
  }
  words_.push_back(std::move(word));
}

}  // namespace kt::exchange
