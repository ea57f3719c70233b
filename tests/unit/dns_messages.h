// SPDX-License-Identifier: Apache-2.0
// DNS messages as tests write them.
#pragma once

#include "dns/message.h"
#include "dns/upstream.h"

#include <string_view>
#include <utility>

namespace kt::test {

inline dns::Name dns_name(std::string_view text) {
  return dns::Name::from_text(text).value();
}

inline dns::Question question_of(std::string_view name, dns::Type type = dns::Type::a) {
  return {dns_name(name), type, dns::Class::in};
}

// Without EDNS.
inline Bytes query_of(std::uint16_t id, const dns::Question& question) {
  return dns::MessageWriter(id, dns::Header::recursion_desired, question).finish();
}

inline dns::MessageWriter reply_writer(BytesView query, dns::Rcode rcode = dns::Rcode::no_error) {
  const dns::MessageReader reader = dns::MessageReader::open(query).value();
  const auto flags = static_cast<std::uint16_t>(
      dns::Header::response | dns::Header::recursion_desired | static_cast<std::uint16_t>(rcode));
  return dns::MessageWriter(reader.header().id, flags, reader.question());
}

inline Bytes a_rdata(std::string_view address) {
  return dns::address_rdata(boost::asio::ip::make_address(address));
}

// One A record for whatever was asked.
inline Bytes a_reply(BytesView query, std::string_view address, std::uint32_t ttl = 5) {
  dns::MessageWriter writer = reply_writer(query);
  writer.add(dns::Section::answer, dns::MessageReader::open(query)->question().name, dns::Type::a,
             ttl, a_rdata(address));
  return std::move(writer).finish();
}

// MINIMUM is the only field that anybody reads.
inline Bytes soa_rdata(std::uint32_t minimum) {
  Bytes rdata(2 + 16);
  ByteWriter(rdata).u32(minimum);
  return rdata;
}

// NXDOMAIN, or NODATA with `rcode` no_error.
inline Bytes negative_reply(BytesView query, std::uint32_t ttl, std::uint32_t minimum,
                            dns::Rcode rcode = dns::Rcode::name_error) {
  dns::MessageWriter writer = reply_writer(query, rcode);
  writer.add(dns::Section::authority, dns_name("cluster.local"), dns::Type::soa, ttl,
             soa_rdata(minimum));
  return std::move(writer).finish();
}

}  // namespace kt::test
