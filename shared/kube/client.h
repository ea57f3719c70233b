// SPDX-License-Identifier: Apache-2.0
// Kubernetes' REST verbs over the ApiProxy's socket. JSON in, JSON out; everything in it was
// written by somebody else and is distrusted: look for fields, never assume them.
#pragma once

#include "http/client.h"
#include "kube/api_error.h"
#include "kube/resource.h"

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace kt::kube {

struct ListOptions {
  std::string label_selector;
  std::string field_selector;
};

enum class PatchType { merge, json };  // RFC 7396, RFC 6902

enum class DryRun { off, server };

struct ClientOptions {
  io::Duration request_timeout = std::chrono::seconds(30);  // of one request; 0 = none
  std::string field_manager = "kubectl-kt";
};

// All calls throw ApiError when the server refuses, Error unavailable when there is no answer.
class Client {
 public:
  Client(const io::Executor& executor, std::string socket_path, ClientOptions options = {});

  io::Task<nlohmann::json> get(ObjectRef object);
  // nullopt when it is not there.
  io::Task<std::optional<nlohmann::json>> find(ObjectRef object);
  // A List object whose items are all there, in pages of 500; metadata.resourceVersion is that of
  // the first page.
  io::Task<nlohmann::json> list(Resource resource, std::string namespace_,
                                ListOptions options = {});
  io::Task<nlohmann::json> create(Resource resource, std::string namespace_, nlohmann::json object,
                                  DryRun dry_run = DryRun::off);
  io::Task<nlohmann::json> patch(ObjectRef object, PatchType type, nlohmann::json patch,
                                 DryRun dry_run = DryRun::off);
  // The whole object in place of that with its metadata.resourceVersion; ApiError 409 when another
  // is there by now.
  io::Task<nlohmann::json> replace(ObjectRef object, nlohmann::json whole);
  // In the background (dependents follow), as kubectl does. False when it was not there. With a
  // `resource_version` only that one: else ApiError 409.
  io::Task<bool> remove(ObjectRef object, std::string resource_version = {});
  // Any GET that answers JSON, e.g. "/version".
  io::Task<nlohmann::json> get_path(std::string path);

  // A watch's connection (see kube/watch.h).
  io::Task<std::unique_ptr<http::ResponseStream>> open_stream(std::string path);

  // The least of all answers so far: what the network costs; nullopt before the first.
  [[nodiscard]] std::optional<io::Duration> round_trip() const { return round_trip_; }
  // The API server's clock now, from the latest answer's Date (whole seconds).
  [[nodiscard]] std::optional<std::chrono::sys_seconds> server_time() const;

 private:
  io::Task<nlohmann::json> call(std::string what, http::Request request);
  io::Task<nlohmann::json> list_pages(std::string what, std::string query);
  void note(const http::Headers& headers, io::TimePoint sent, io::TimePoint answered);

  http::Client http_;
  ClientOptions options_;
  std::optional<io::Duration> round_trip_;
  std::optional<std::chrono::sys_seconds> date_;
  io::TimePoint date_seen_{};
};

// "30s", "2m", "1h30m", "0" as --request-timeout has it; nullopt for anything else,
// and above 100 000 hours.
[[nodiscard]] std::optional<io::Duration> parse_duration(std::string_view text);

// "Mon, 24 Nov 2025 17:05:00 GMT" (RFC 9110 §5.6.7, the one form that is generated today).
[[nodiscard]] std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text);

}  // namespace kt::kube
