// SPDX-License-Identifier: Apache-2.0
#include "http/transfer.h"

#include "base/error.h"
#include "http/connections.h"

#include <fmt/format.h>

#include <utility>

namespace kt::http {
namespace {

constexpr std::size_t whole_body_limit = 16UL * 1024 * 1024;
constexpr std::size_t pieces_limit = 1024UL * 1024;
constexpr std::size_t header_limit = 100;

long milliseconds_of(io::Duration duration) {
  return static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

}  // namespace

Transfer::Transfer(std::shared_ptr<Connections> connections, Request request, Body kind)
    : connections_(std::move(connections)),
      request_(std::move(request)),
      kind_(kind),
      easy_(curl_easy_init()),
      changed_(connections_->executor()) {
  KT_ASSERT(easy_ != nullptr);
  set_options(connections_->socket_path());
  set_request();
  connections_->add(easy_);
}

Transfer::~Transfer() {
  connections_->remove(easy_);
  curl_easy_cleanup(easy_);
  curl_slist_free_all(header_list_);
}

void Transfer::set_options(const std::string& socket_path) {
  curl_easy_setopt(easy_, CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy_, CURLOPT_UNIX_SOCKET_PATH, socket_path.c_str());
  curl_easy_setopt(easy_, CURLOPT_PROXY, "");  // whatever the environment says
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http");
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_text_);
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
}

void Transfer::set_request() {
  KT_ASSERT(request_.path.starts_with('/'));
  curl_easy_setopt(easy_, CURLOPT_URL, ("http://localhost" + request_.path).c_str());
  curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  if (!request_.body.empty()) {
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request_.body.size()));
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request_.body.data());  // request_ lives as long
  }
  // libcurl would wait a second for the server's leave to send a large body.
  header_list_ = curl_slist_append(header_list_, "Expect:");
  for (const auto& [name, value] : request_.headers) {
    header_list_ = curl_slist_append(header_list_, fmt::format("{}: {}", name, value).c_str());
  }
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, header_list_);
  if (kind_ == Body::whole) {
    curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, milliseconds_of(request_.timeout));
  }
}

std::size_t Transfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  static_cast<Transfer*>(self)->take_header({data, size * count});
  return size * count;
}

void Transfer::take_header(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  if (line.starts_with("HTTP/")) {
    response_.headers.clear();  // those before belonged to a 1xx
  } else if (line.empty()) {
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    response_.status = static_cast<int>(status);
    head_done_ = status >= 200;
    changed_.notify();
  } else if (const std::size_t colon = line.find(':');
             colon != std::string_view::npos && response_.headers.size() < header_limit) {
    const std::size_t value = std::min(line.find_first_not_of(" \t", colon + 1), line.size());
    response_.headers.emplace_back(line.substr(0, colon), line.substr(value));
  }
}

std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto* transfer = static_cast<Transfer*>(self);
  std::string& body = transfer->response_.body;
  const std::size_t bytes = size * count;
  const bool whole = transfer->kind_ == Body::whole;
  if (body.size() + bytes > whole_body_limit && whole) {
    transfer->too_big_ = true;
    return 0;  // ends the transfer with CURLE_WRITE_ERROR
  }
  if (body.size() >= pieces_limit && !whole) {
    transfer->paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  body.append(data, bytes);
  transfer->changed_.notify();
  return bytes;
}

void Transfer::finish(CURLcode result) {
  ended_ = true;
  result_ = result;
  changed_.notify();
}

void Transfer::throw_if_failed() const {
  if (!ended_ || result_ == CURLE_OK) {
    return;
  }
  const char* why = error_text_[0] != '\0' ? error_text_ : curl_easy_strerror(result_);
  throw Error(ErrorKind::unavailable,
              fmt::format("{} {}: {}", request_.method, request_.path,
                          too_big_ ? "the answer is larger than 16 MiB" : why));
}

io::Task<> Transfer::wait_for_head() {
  while (!head_done_ && !ended_) {
    co_await changed_.wait();
  }
  if (!head_done_) {
    throw_if_failed();
    throw Error(ErrorKind::unavailable,
                fmt::format("{} {}: no answer", request_.method, request_.path));
  }
}

io::Task<> Transfer::wait_for_end() {
  while (!ended_) {
    co_await changed_.wait();
  }
  throw_if_failed();
}

io::Task<std::optional<std::string>> Transfer::take_chunk() {
  while (response_.body.empty() && !ended_) {
    co_await changed_.wait();
  }
  if (response_.body.empty()) {
    throw_if_failed();
    co_return std::nullopt;
  }
  std::string chunk = std::exchange(response_.body, {});
  if (std::exchange(paused_, false)) {
    (void)curl_easy_pause(easy_, CURLPAUSE_CONT);  // may call on_body at once
  }
  co_return chunk;
}

}  // namespace kt::http
