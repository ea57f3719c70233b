// SPDX-License-Identifier: Apache-2.0
#include "kube/access_review.h"

#include "io/task_group.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace kt::kube {
namespace {

using nlohmann::json;

json review_of(const Right& right) {
  return {{"apiVersion", "authorization.k8s.io/v1"},
          {"kind", "SelfSubjectAccessReview"},
          {"spec",
           {{"resourceAttributes",
             {{"verb", right.verb},
              {"group", right.group},
              {"resource", right.resource},
              {"subresource", right.subresource},
              {"namespace", right.namespace_},
              {"name", right.name}}}}}};
}

bool is_allowed(const json& answer) {
  const json status = answer.is_object() ? answer.value("status", json()) : json();
  return status.is_object() && status.value("allowed", json()) == json(true);
}

io::Task<> ask(Client& client, Right right, char& allowed) {
  const json answer = co_await client.create(self_subject_access_reviews, {}, review_of(right));
  allowed = is_allowed(answer) ? 1 : 0;
}

}  // namespace

std::string to_string(const Right& right) {
  std::string text = fmt::format("{} {}", right.verb, right.resource);
  if (!right.group.empty()) {
    text += "." + right.group;
  }
  return right.subresource.empty() ? text : text + "/" + right.subresource;
}

io::Task<std::vector<Right>> missing_rights(Client& client, std::vector<Right> rights) {
  std::vector<char> allowed(rights.size(), 0);
  io::TaskGroup questions(co_await io::asio::this_coro::executor);
  for (std::size_t i = 0; i < rights.size(); ++i) {
    questions.spawn(ask(client, rights[i], allowed[i]));
  }
  co_await questions.join();
  std::vector<Right> missing;
  for (std::size_t i = 0; i < rights.size(); ++i) {
    if (allowed[i] == 0) {
      missing.push_back(rights[i]);
    }
  }
  co_return missing;
}

}  // namespace kt::kube
