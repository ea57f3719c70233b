// SPDX-License-Identifier: Apache-2.0
#include "support/fake_server.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include <stdlib.h>

#include <array>
#include <charconv>
#include <exception>
#include <filesystem>

namespace kt::test {
namespace {

std::string make_folder() {
  std::string path = (std::filesystem::temp_directory_path() / "kt-test-XXXXXX").string();
  return ::mkdtemp(path.data()) == nullptr ? std::string() : path;
}

// Bytes of the first whole request in `bytes`, or 0.
std::size_t request_size(const std::string& bytes) {
  const std::size_t head = bytes.find("\r\n\r\n");
  if (head == std::string::npos) {
    return 0;
  }
  std::size_t body = 0;
  const std::size_t at = bytes.find("Content-Length: ");
  if (at < head) {
    std::from_chars(bytes.data() + at + 16, bytes.data() + head, body);
  }
  return bytes.size() >= head + 4 + body ? head + 4 + body : 0;
}

}  // namespace

FakeServer::FakeServer(const io::Executor& executor, Answer answer)
    : answer_(std::move(answer)),
      folder_(make_folder()),
      path_(folder_ + "/s"),
      acceptor_(executor, path_),
      tasks_(executor) {
  tasks_.spawn(accept_all());
}

FakeServer::~FakeServer() {
  std::filesystem::remove_all(folder_);
}

io::Task<> FakeServer::stop() {
  co_await tasks_.stop();
}

io::Task<> FakeServer::run(io::Task<> exchange) {
  std::exception_ptr failure;
  try {
    co_await std::move(exchange);
  } catch (...) {
    failure = std::current_exception();
  }
  co_await stop();
  if (failure != nullptr) {
    std::rethrow_exception(failure);
  }
}

io::Task<> FakeServer::accept_all() {
  for (;;) {
    Socket socket = co_await acceptor_.async_accept(io::use_task);
    ++connections_;
    tasks_.spawn(serve(std::move(socket)));
  }
}

io::Task<> FakeServer::serve(Socket socket) {
  std::string bytes;
  std::array<char, 4096> piece{};
  for (;;) {
    io::error_code ec;
    const std::size_t count = co_await socket.async_receive(
        io::asio::buffer(piece), io::asio::redirect_error(io::use_task, ec));
    if (ec) {
      co_return;
    }
    bytes.append(piece.data(), count);
    while (const std::size_t size = request_size(bytes)) {
      requests_.push_back(bytes.substr(0, size));
      bytes.erase(0, size);
      const std::string answer = answer_(requests_.back());
      if (answer.empty()) {
        co_return;
      }
      co_await io::asio::async_write(socket, io::asio::buffer(answer),
                                     io::asio::redirect_error(io::use_task, ec));
    }
  }
}

std::string answer_with(int status, const std::string& body) {
  return fmt::format("HTTP/1.1 {} X\r\nContent-Length: {}\r\n\r\n{}", status, body.size(), body);
}

}  // namespace kt::test
