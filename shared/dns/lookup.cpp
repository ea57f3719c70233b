// SPDX-License-Identifier: Apache-2.0
#include "dns/lookup.h"

#include "io/task_group.h"

#include <algorithm>
#include <charconv>
#include <exception>
#include <optional>
#include <utility>

namespace kt::dns {
namespace {

namespace ip = boost::asio::ip;

// The option "ndots:N"; 1 when it is missing or no number (resolv.conf(5)).
std::size_t ndots_of(const ResolvConf& conf) {
  constexpr std::string_view keyword = "ndots:";
  std::size_t ndots = 1;
  for (const std::string_view option : conf.options) {
    if (option.starts_with(keyword)) {
      std::from_chars(option.data() + keyword.size(), option.data() + option.size(), ndots);
    }
  }
  return ndots;
}

io::Task<std::vector<ip::address>> addresses_of(Forwarder& forwarder, Question question) {
  const Bytes query = make_query(0, question);
  std::optional<Bytes> reply = co_await forwarder.answer(query, Transport::udp);
  if (reply && Header::read(*reply).value().is_truncated()) {
    reply = co_await forwarder.answer(query, Transport::tcp);
  }
  co_return reply ? parse_addresses(*reply) : std::vector<ip::address>();
}

// `out` belongs to the frame that joins the group of this task.
io::Task<> collect(Forwarder& forwarder, Question question, std::vector<ip::address>& out) {
  out = co_await addresses_of(forwarder, std::move(question));
}

// Both families at once: one round trip.
io::Task<std::vector<ip::address>> all_addresses_of(Forwarder& forwarder, Name name) {
  std::vector<ip::address> v4;
  std::vector<ip::address> v6;
  io::TaskGroup questions(co_await io::asio::this_coro::executor);
  questions.spawn(collect(forwarder, Question{name, Type::a, Class::in}, v4));
  questions.spawn(collect(forwarder, Question{name, Type::aaaa, Class::in}, v6));
  co_await questions.join();
  v4.insert(v4.end(), v6.begin(), v6.end());
  co_return v4;
}

}  // namespace

std::vector<Name> search_candidates(std::string_view host, const ResolvConf& conf) {
  const std::optional<Name> name = Name::from_text(host);
  if (!name || name->label_count() == 0) {
    return {};
  }
  if (host.back() == '.') {
    return {*name};
  }
  std::vector<Name> candidates;
  for (const Name& suffix : conf.search) {
    if (std::optional<Name> longer = Name::join(*name, suffix)) {
      candidates.push_back(*std::move(longer));
    }
  }
  const bool as_is_first = name->label_count() - 1 >= ndots_of(conf);
  candidates.insert(as_is_first ? candidates.begin() : candidates.end(), *name);
  return candidates;
}

std::vector<ip::address> parse_addresses(BytesView reply) {
  std::optional<MessageReader> reader = MessageReader::open(reply);
  std::vector<ip::address> addresses;
  if (!reader || reader->header().rcode() != Rcode::no_error) {
    return addresses;
  }
  // Servers send a chain in its order (RFC 1034 §3.6.2), so one pass follows it.
  Name wanted = reader->question().name;
  while (const std::optional<Record> record = reader->next()) {
    if (record->section != Section::answer || !(record->owner == wanted)) {
      continue;
    }
    if (record->type == Type::cname) {
      std::optional<NameInMessage> target = Name::read(reply, record->rdata_at);
      wanted = target ? std::move(target->name) : wanted;
    } else if (const std::optional<ip::address> address = read_address(*record)) {
      addresses.push_back(*address);
    }
  }
  return addresses;
}

io::Task<std::vector<ip::address>> lookup(Forwarder& forwarder, std::string host,
                                          const ResolvConf& conf) {
  for (const Name& name : search_candidates(host, conf)) {
    std::vector<ip::address> addresses = co_await all_addresses_of(forwarder, name);
    if (!addresses.empty()) {
      co_return addresses;
    }
  }
  co_return std::vector<ip::address>();
}

}  // namespace kt::dns
