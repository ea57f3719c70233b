// SPDX-License-Identifier: Apache-2.0
#include "kube/client.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <time.h>

#include <algorithm>
#include <charconv>
#include <ctime>

namespace kt::kube {
namespace {

using nlohmann::json;

constexpr int page_size = 500;

std::string query_of(const ListOptions& options) {
  std::string query;
  if (!options.label_selector.empty()) {
    query += "&labelSelector=" + percent_encode(options.label_selector);
  }
  if (!options.field_selector.empty()) {
    query += "&fieldSelector=" + percent_encode(options.field_selector);
  }
  return query;
}

std::string write_query(const std::string& field_manager, DryRun dry_run) {
  return "?fieldManager=" + percent_encode(field_manager) +
         (dry_run == DryRun::server ? "&dryRun=All" : "");
}

const char* content_type(PatchType type) {
  switch (type) {
    case PatchType::merge:
      return "application/merge-patch+json";
    case PatchType::json:
      return "application/json-patch+json";
  }
  return "";
}

http::Request request_with(std::string method, std::string path, std::string body = {},
                           std::string type = "application/json") {
  http::Request request;
  request.method = std::move(method);
  request.path = std::move(path);
  request.body = std::move(body);
  request.headers = {{"Accept", "application/json"}, {"Content-Type", std::move(type)}};
  return request;
}

std::string continue_of(const json& list) {
  const json metadata = list.value("metadata", json::object());
  const json token = metadata.is_object() ? metadata.value("continue", json()) : json();
  return token.is_string() ? token.get<std::string>() : std::string();
}

void append_items(json& list, json page) {
  json& items = list["items"];
  if (!items.is_array()) {
    items = json::array();
  }
  if (page.contains("items") && page["items"].is_array()) {
    for (json& item : page["items"]) {
      items.push_back(std::move(item));
    }
  }
}

bool ends_with_unit(std::string_view& text, std::string_view unit) {
  if (!text.starts_with(unit)) {
    return false;
  }
  text.remove_prefix(unit.size());
  return true;
}

// The unit in front of `text`, taken away.
std::optional<io::Duration> take_unit(std::string_view& text) {
  using namespace std::chrono_literals;
  if (ends_with_unit(text, "ms")) {
    return 1ms;
  }
  if (ends_with_unit(text, "s")) {
    return 1s;
  }
  if (ends_with_unit(text, "m")) {
    return 1min;
  }
  return ends_with_unit(text, "h") ? std::optional<io::Duration>(1h) : std::nullopt;
}

}  // namespace

std::optional<io::Duration> parse_duration(std::string_view text) {
  constexpr io::Duration longest = std::chrono::hours(100'000);  // so that no sum overflows
  if (text == "0") {
    return io::Duration::zero();
  }
  io::Duration sum{};
  bool any = false;
  while (!text.empty()) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) {
      return std::nullopt;
    }
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const std::optional<io::Duration> unit = take_unit(text);
    if (!unit || number > (longest - sum) / *unit) {
      return std::nullopt;
    }
    sum += number * *unit;
    any = true;
  }
  return any ? std::optional(sum) : std::nullopt;
}

std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text) {
  std::tm parts{};
  const std::string copy(text);
  const char* end = ::strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0') {
    return std::nullopt;
  }
  return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&parts)));
}

Client::Client(const io::Executor& executor, std::string socket_path, ClientOptions options)
    : http_(executor, std::move(socket_path)), options_(std::move(options)) {}

io::Task<json> Client::call(std::string what, http::Request request) {
  request.timeout = options_.request_timeout;
  const io::TimePoint sent = io::Clock::now();
  const http::Response response = co_await http_.send(std::move(request));
  note(response.headers, sent, io::Clock::now());
  if (response.status < 200 || response.status >= 300) {
    throw ApiError(what, response.status, response.body);
  }
  json answer = json::parse(response.body, nullptr, false);
  if (answer.is_discarded()) {
    throw Error(ErrorKind::unavailable, what + ": the answer is not JSON");
  }
  co_return answer;
}

void Client::note(const http::Headers& headers, io::TimePoint sent, io::TimePoint answered) {
  const io::Duration took = answered - sent;
  round_trip_ = std::min(round_trip_.value_or(took), took);
  if (const auto date = http::find_header(headers, "date")) {
    date_ = parse_http_date(*date);
    date_seen_ = answered;
  }
}

std::optional<std::chrono::sys_seconds> Client::server_time() const {
  if (!date_) {
    return std::nullopt;
  }
  return *date_ + std::chrono::duration_cast<std::chrono::seconds>(io::Clock::now() - date_seen_);
}

io::Task<json> Client::get_path(std::string path) {
  const std::string what = "get " + path;
  co_return co_await call(what, request_with("GET", std::move(path)));
}

io::Task<json> Client::get(ObjectRef object) {
  co_return co_await call("get " + describe(object), request_with("GET", path_of(object)));
}

io::Task<std::optional<json>> Client::find(ObjectRef object) {
  try {
    co_return co_await get(std::move(object));
  } catch (const ApiError& e) {
    if (e.status() != 404) {
      throw;
    }
  }
  co_return std::nullopt;
}

io::Task<json> Client::list_pages(std::string what, std::string query) {
  json list = co_await call(what, request_with("GET", query));
  append_items(list, json::object());
  for (std::string token = continue_of(list); !token.empty();) {
    json page = co_await call(
        what, request_with("GET", fmt::format("{}&continue={}", query, percent_encode(token))));
    token = continue_of(page);
    append_items(list, std::move(page));
  }
  co_return list;
}

io::Task<json> Client::list(Resource resource, std::string namespace_, ListOptions options) {
  co_return co_await list_pages(
      "list " + resource.plural,
      fmt::format("{}?limit={}{}", path_of(resource, namespace_), page_size, query_of(options)));
}

io::Task<json> Client::create(Resource resource, std::string namespace_, json object,
                              DryRun dry_run) {
  const std::string path =
      path_of(resource, namespace_) + write_query(options_.field_manager, dry_run);
  co_return co_await call("create " + resource.plural, request_with("POST", path, object.dump()));
}

io::Task<json> Client::patch(ObjectRef object, PatchType type, json patch, DryRun dry_run) {
  const std::string path = path_of(object) + write_query(options_.field_manager, dry_run);
  co_return co_await call("patch " + describe(object),
                          request_with("PATCH", path, patch.dump(), content_type(type)));
}

io::Task<json> Client::replace(ObjectRef object, json whole) {
  const std::string path = path_of(object) + write_query(options_.field_manager, DryRun::off);
  co_return co_await call("update " + describe(object), request_with("PUT", path, whole.dump()));
}

io::Task<bool> Client::remove(ObjectRef object, std::string resource_version) {
  json options{
      {"kind", "DeleteOptions"}, {"apiVersion", "v1"}, {"propagationPolicy", "Background"}};
  if (!resource_version.empty()) {
    options["preconditions"] = {{"resourceVersion", resource_version}};
  }
  try {
    co_await call("delete " + describe(object),
                  request_with("DELETE", path_of(object), options.dump()));
    co_return true;
  } catch (const ApiError& e) {
    if (e.status() != 404) {
      throw;
    }
  }
  co_return false;
}

io::Task<std::unique_ptr<http::ResponseStream>> Client::open_stream(std::string path) {
  http::Request request = request_with("GET", std::move(path));
  request.timeout = options_.request_timeout;
  co_return co_await http_.open(std::move(request));
}

}  // namespace kt::kube
