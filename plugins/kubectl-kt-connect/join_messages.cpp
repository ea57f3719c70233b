// SPDX-License-Identifier: Apache-2.0
#include "kubectl-kt-connect/join_messages.h"

#include "kube/json_fields.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace kt::connect {
namespace {

using kube::field;
using kube::text_at;
using nlohmann::json;

json to_json(const kube::Config& config) {
  return {{"context", config.context},
          {"server", config.server},
          {"user", config.user},
          {"namespace", config.namespace_},
          {"ca", config.certificate_authority},
          {"proxyUrl", config.proxy_url},
          {"mayAsk", config.may_ask}};
}

kube::Config to_config(const json& object) {
  kube::Config config;
  config.context = text_at(object, "context");
  config.server = text_at(object, "server");
  config.user = text_at(object, "user");
  config.namespace_ = text_at(object, "namespace");
  config.certificate_authority = text_at(object, "ca");
  config.proxy_url = text_at(object, "proxyUrl");
  config.may_ask = field(object, "mayAsk") == true;
  return config;
}

std::vector<std::string> texts_at(const json& object, const char* name) {
  std::vector<std::string> texts;
  for (const json& entry : field(object, name)) {
    texts.push_back(entry.is_string() ? entry.get<std::string>() : "");
  }
  return texts;
}

int number_at(const json& object, const char* name) {
  const json value = field(object, name);
  return value.is_number_integer() ? value.get<int>() : 0;
}

// One word and the fields of a message.
struct Encoder {
  json operator()(const StartHolding& start) const {
    return {{"say", "start"},
            {"program", start.program},
            {"arguments", start.arguments},
            {"config", to_json(start.config)}};
  }
  json operator()(const JoinHello& hello) const {
    return {{"say", "hello"},
            {"tunnel", hello.tunnel},
            {"command", hello.command},
            {"pid", hello.pid},
            {"linger", hello.linger.count()}};
  }
  json operator()(const JoinCapture&) const { return {{"say", "capture"}}; }
  json operator()(const JoinAccepted&) const { return {{"say", "accepted"}}; }
  json operator()(const JoinRefused&) const { return {{"say", "refused"}}; }
  json operator()(const JoinReady& ready) const {
    return {{"say", "ready"},
            {"folder", ready.folder},
            {"resolvConf", ready.resolv_conf},
            {"summary", ready.summary}};
  }
  json operator()(const JoinCapturing&) const { return {{"say", "capturing"}}; }
  json operator()(const JoinLine& line) const {
    return {{"say", "line"},
            {"mark", std::string(1, static_cast<char>(line.mark))},
            {"text", line.text}};
  }
  json operator()(const JoinLeftovers& left) const {
    return {{"say", "leftovers"}, {"text", left.text}};
  }
  json operator()(const JoinFailed& failed) const {
    return {{"say", "failed"},
            {"kind", static_cast<int>(failed.kind)},
            {"message", failed.message},
            {"hint", failed.hint}};
  }
};

JoinLine to_line(const json& object) {
  using Mark = JoinLine::Mark;
  const std::string mark = text_at(object, "mark");
  JoinLine line;
  for (const Mark known : {Mark::waits, Mark::done, Mark::warns}) {
    line.mark = mark == std::string(1, static_cast<char>(known)) ? known : line.mark;
  }
  line.text = text_at(object, "text");
  return line;
}

JoinFailed to_failed(const json& object) {
  const int kind = number_at(object, "kind");
  JoinFailed failed;
  if (kind >= 0 && kind < static_cast<int>(ErrorKind::bug)) {
    failed.kind = static_cast<ErrorKind>(kind);
  }
  failed.message = text_at(object, "message");
  failed.hint = text_at(object, "hint");
  return failed;
}

}  // namespace

std::string encode(const JoinMessage& message) {
  return std::visit(Encoder{}, message).dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<JoinMessage> decode(std::string_view text) {
  const json object = json::parse(text, nullptr, false);
  const std::string word = text_at(object, "say");
  if (word == "start") {
    return StartHolding{text_at(object, "program"), texts_at(object, "arguments"),
                        to_config(field(object, "config"))};
  }
  if (word == "hello") {
    return JoinHello{text_at(object, "tunnel"), texts_at(object, "command"),
                     number_at(object, "pid"), std::chrono::seconds(number_at(object, "linger"))};
  }
  if (word == "ready") {
    return JoinReady{text_at(object, "folder"), text_at(object, "resolvConf"),
                     text_at(object, "summary")};
  }
  if (word == "line") {
    return to_line(object);
  }
  if (word == "leftovers") {
    return JoinLeftovers{text_at(object, "text")};
  }
  if (word == "failed") {
    return to_failed(object);
  }
  const std::pair<const char*, JoinMessage> plain[] = {{"capture", JoinCapture{}},
                                                       {"accepted", JoinAccepted{}},
                                                       {"refused", JoinRefused{}},
                                                       {"capturing", JoinCapturing{}}};
  const auto* const found =
      std::ranges::find_if(plain, [&](const auto& p) { return p.first == word; });
  return found == std::end(plain) ? std::nullopt : std::optional(found->second);
}

}  // namespace kt::connect
