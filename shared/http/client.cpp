// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"

#include "http/connections.h"
#include "http/transfer.h"

#include <fmt/format.h>

#include <strings.h>

#include <algorithm>

namespace kt::http {

std::optional<std::string> find_header(const Headers& headers, std::string_view name) {
  const auto found = std::find_if(headers.begin(), headers.end(), [name](const auto& header) {
    return header.first.size() == name.size() &&
           ::strncasecmp(header.first.data(), name.data(), name.size()) == 0;
  });
  return found == headers.end() ? std::nullopt : std::optional(found->second);
}

ResponseStream::ResponseStream(std::unique_ptr<Transfer> transfer)
    : transfer_(std::move(transfer)) {}

ResponseStream::~ResponseStream() = default;

int ResponseStream::status() const {
  return transfer_->response().status;
}

const Headers& ResponseStream::headers() const {
  return transfer_->response().headers;
}

io::Task<std::optional<std::string>> ResponseStream::next_chunk() {
  co_return co_await transfer_->take_chunk();
}

Client::Client(const io::Executor& executor, std::string socket_path)
    : connections_(std::make_shared<Connections>(executor, std::move(socket_path))) {}

Client::~Client() = default;

io::Task<Response> Client::send(Request request) {
  Transfer transfer(connections_, std::move(request), Transfer::Body::whole);
  co_await transfer.wait_for_end();
  co_return std::move(transfer.response());
}

io::Task<std::unique_ptr<ResponseStream>> Client::open(Request request) {
  const io::Duration limit = request.timeout;
  const std::string what = fmt::format("{} {}", request.method, request.path);
  auto transfer =
      std::make_unique<Transfer>(connections_, std::move(request), Transfer::Body::pieces);
  if (limit > io::Duration::zero()) {
    co_await io::with_timeout(limit, what, transfer->wait_for_head());
  } else {
    co_await transfer->wait_for_head();
  }
  co_return std::make_unique<ResponseStream>(std::move(transfer));
}

}  // namespace kt::http
