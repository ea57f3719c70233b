// SPDX-License-Identifier: Apache-2.0
#include "kube/watch.h"

#include "base/log.h"
#include "io/backoff.h"
#include "kube/json_fields.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <map>
#include <set>

namespace kt::kube {
namespace {

using nlohmann::json;

constexpr std::size_t max_line = 8UL * 1024 * 1024;
constexpr int seconds_of_a_watch =
    290;  // then the server ends it and we go on from the same version

enum class Outcome { go_on, stop, list_again };

json metadata_of(const json& object) {
  return object.is_object() ? object.value("metadata", json::object()) : json::object();
}

// What the listener has been told so far. Pure.
class Story {
 public:
  explicit Story(OnChange on_change) : on_change_(std::move(on_change)) {}

  Outcome tell_list(const json& list);
  Outcome tell_line(std::string_view line);

  [[nodiscard]] const std::string& version() const { return version_; }

 private:
  Outcome tell(Change change, const json& object);
  Outcome tell_vanished(const std::set<std::string>& present);

  OnChange on_change_;
  std::string version_;
  std::map<std::string, json> known_;  // uid → {"metadata": …}
};

Outcome Story::tell(Change change, const json& object) {
  const json metadata = metadata_of(object);
  if (change == Change::set) {
    known_[text_at(metadata, "uid")] = {{"metadata", metadata}};
  } else if (change == Change::gone) {
    known_.erase(text_at(metadata, "uid"));
  }
  return on_change_(change, object) == Watching::stop ? Outcome::stop : Outcome::go_on;
}

Outcome Story::tell_vanished(const std::set<std::string>& present) {
  const std::map<std::string, json> before = known_;
  for (const auto& [uid, object] : before) {
    if (!present.contains(uid) && tell(Change::gone, object) == Outcome::stop) {
      return Outcome::stop;
    }
  }
  return Outcome::go_on;
}

Outcome Story::tell_list(const json& list) {
  version_ = text_at(metadata_of(list), "resourceVersion");
  const json items = list.value("items", json::array());
  std::set<std::string> present;
  for (const json& item : items) {
    present.insert(text_at(metadata_of(item), "uid"));
  }
  Outcome outcome = tell_vanished(present);
  for (auto item = items.begin(); item != items.end() && outcome == Outcome::go_on; ++item) {
    outcome = tell(Change::set, *item);
  }
  return outcome == Outcome::go_on ? tell(Change::synced, json()) : outcome;
}

// {"type": ADDED | MODIFIED | DELETED | BOOKMARK | ERROR, "object": …}
Outcome Story::tell_line(std::string_view line) {
  const json event = json::parse(line, nullptr, false);
  const std::string type = text_at(event, "type");
  if (!event.is_object() || type.empty() || type == "ERROR") {
    return Outcome::list_again;  // mostly 410: the version is too old
  }
  const json object = event.value("object", json::object());
  const std::string version = text_at(metadata_of(object), "resourceVersion");
  version_ = version.empty() ? version_ : version;
  if (type == "ADDED" || type == "MODIFIED") {
    return tell(Change::set, object);
  }
  return type == "DELETED" ? tell(Change::gone, object) : Outcome::go_on;
}

std::string watch_path(const WatchScope& scope, const std::string& version) {
  std::string path = fmt::format(
      "{}?watch=true&allowWatchBookmarks=true&resourceVersion={}&timeoutSeconds={}",
      path_of(scope.resource, scope.namespace_), percent_encode(version), seconds_of_a_watch);
  if (!scope.options.label_selector.empty()) {
    path += "&labelSelector=" + percent_encode(scope.options.label_selector);
  }
  if (!scope.options.field_selector.empty()) {
    path += "&fieldSelector=" + percent_encode(scope.options.field_selector);
  }
  return path;
}

io::Task<std::string> whole_body(http::ResponseStream& stream) {
  constexpr std::size_t enough = 64UL * 1024;
  std::string body;
  while (body.size() < enough) {
    const std::optional<std::string> chunk = co_await stream.next_chunk();
    if (!chunk) {
      break;
    }
    body += *chunk;
  }
  co_return body;
}

// One connection. go_on: it ended and may be taken up again.
io::Task<Outcome> follow(Client& client, const WatchScope& scope, Story& story) {
  const auto stream = co_await client.open_stream(watch_path(scope, story.version()));
  if (stream->status() == 410) {
    co_return Outcome::list_again;
  }
  if (stream->status() != 200) {
    throw ApiError("watch " + scope.resource.plural, stream->status(),
                   co_await whole_body(*stream));
  }
  LineSplitter splitter;
  Outcome outcome = Outcome::go_on;
  while (outcome == Outcome::go_on) {
    const std::optional<std::string> chunk = co_await stream->next_chunk();
    if (!chunk || !splitter.add(*chunk)) {
      break;
    }
    for (auto line = splitter.next(); line && outcome == Outcome::go_on; line = splitter.next()) {
      outcome = story.tell_line(*line);
    }
  }
  co_return outcome;
}

io::Task<Outcome> list_or_follow(Client& client, const WatchScope& scope, Story& story,
                                 Outcome last) {
  if (last == Outcome::list_again) {
    const json list = co_await client.list(scope.resource, scope.namespace_, scope.options);
    co_return story.tell_list(list);
  }
  co_return co_await follow(client, scope, story);
}

}  // namespace

io::Task<> watch(Client& client, WatchScope scope, OnChange on_change) {
  Story story(std::move(on_change));
  io::Backoff backoff(std::chrono::milliseconds(100), std::chrono::seconds(5));
  Outcome outcome = Outcome::list_again;
  while (outcome != Outcome::stop) {
    const io::TimePoint start = io::Clock::now();
    const bool listing = outcome == Outcome::list_again;
    try {
      outcome = co_await list_or_follow(client, scope, story, outcome);
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::unavailable) {
        throw;
      }
      log::debug("kube", "watch {}: {}", scope.resource.plural, e.message());
    }
    // A connection that carried for a while is no failure; one that ends at once must not spin.
    if (io::Clock::now() - start > std::chrono::seconds(5)) {
      backoff.reset();
    }
    const bool straight_on = outcome == Outcome::stop || (listing && outcome == Outcome::go_on);
    if (!straight_on) {
      co_await io::sleep_for(backoff.next(0.5));  // one caller has nobody to keep apart from
    }
  }
}

bool LineSplitter::add(std::string_view bytes) {
  buffer_.erase(0, std::exchange(at_, 0));
  buffer_ += bytes;
  return buffer_.size() <= max_line;
}

std::optional<std::string> LineSplitter::next() {
  const std::size_t end = buffer_.find('\n', at_);
  if (end == std::string::npos) {
    return std::nullopt;
  }
  std::string line = buffer_.substr(at_, end - at_);
  at_ = end + 1;
  return line;
}

}  // namespace kt::kube
