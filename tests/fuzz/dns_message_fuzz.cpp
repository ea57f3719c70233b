// SPDX-License-Identifier: Apache-2.0
// Every parser of DNS bytes, on any bytes; and what is written must be read back.
#include "dns/cache.h"
#include "dns/lookup.h"
#include "dns/message.h"
#include "dns/reply.h"
#include "dns/resolv_conf.h"
#include "dns/split.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>

namespace {

using namespace kt::dns;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

void check_name(const Name& name) {
  require(name.wire().size() <= 255);
  require(Name::from_text(name.to_text()) == name);
  const std::optional<NameInMessage> back = Name::read(name.wire(), 0);
  require(back && back->name == name && back->end == name.wire().size());
  const SplitConfig config{Name::from_text("cluster.local").value(),
                           {{boost::asio::ip::make_address("10.96.0.0"), 12}},
                           {},
                           {name}};
  require(side_of(config, name) == Side::laptop || name.is_subdomain_of(config.cluster_domain));
}

void check_message(kt::BytesView message) {
  std::optional<MessageReader> reader = MessageReader::open(message);
  if (!reader) {
    return;
  }
  check_name(reader->question().name);
  require(is_reply_to(make_error_reply(message, Rcode::refused), message));
  std::size_t behind = reader->question_end();
  while (const std::optional<Record> record = reader->next()) {
    check_name(record->owner);
    require(record->ttl_at > behind && record->rdata_at + record->rdata.size() <= message.size());
    behind = record->rdata_at;
  }
}

void check_cache(kt::BytesView message) {
  if (message.size() < header_size) {
    return;
  }
  Cache cache(1024);
  const std::string key = cache_key(message, Transport::udp);
  const kt::io::TimePoint start{};
  cache.store(key, message, start);
  require(cache.bytes() <= 1024);
  if (cache.size() == 1) {
    require(cache.find(key, start) == kt::Bytes(message.begin(), message.end()));
    require(!cache.find(key, start + Cache::longest_positive).has_value());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const kt::BytesView message = std::as_bytes(std::span(data, size));
  check_message(message);
  check_cache(message);
  (void)parse_addresses(message);
  (void)udp_size_of(message);
  const ResolvConf conf = parse_resolv_conf(kt::to_string(message));
  const ResolvConf back = parse_resolv_conf(resolv_conf_text(conf));
  require(back.search == conf.search && back.options == conf.options);
  return 0;
}
