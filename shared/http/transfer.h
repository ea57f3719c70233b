// SPDX-License-Identifier: Apache-2.0
// Inside of http/: one request on its way through libcurl. Included by http/*.cpp only.
#pragma once

#include "http/client.h"

#include <curl/curl.h>

#include <memory>
#include <string>

namespace kt::http {

class Connections;

class Transfer {
 public:
  // `body_limit`: more is an error for send(); open() makes the server wait instead.
  enum class Body { whole, pieces };

  Transfer(std::shared_ptr<Connections> connections, Request request, Body kind);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Until the final status line and its headers are there; throws Error unavailable.
  io::Task<> wait_for_head();
  // Until the response is complete; throws Error unavailable.
  io::Task<> wait_for_end();
  // What has arrived since the last call, at least one byte; nullopt at the end.
  io::Task<std::optional<std::string>> take_chunk();

  [[nodiscard]] Response& response() { return response_; }

  // For Connections: libcurl is through with it.
  void finish(CURLcode result);

 private:
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);

  void set_options(const std::string& socket_path);
  void set_request();
  void take_header(std::string_view line);
  void throw_if_failed() const;

  std::shared_ptr<Connections> connections_;  // its own share: the Client may die first
  Request request_;
  Body kind_;
  Response response_;
  CURL* easy_ = nullptr;
  curl_slist* header_list_ = nullptr;
  io::Event changed_;
  bool head_done_ = false;
  bool ended_ = false;
  bool paused_ = false;
  bool too_big_ = false;
  CURLcode result_ = CURLE_OK;
  char error_text_[CURL_ERROR_SIZE] = {};
};

}  // namespace kt::http
