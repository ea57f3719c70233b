// SPDX-License-Identifier: Apache-2.0
#include "dns/reply.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace kt::dns {
namespace {

// The UDP size that the query's OPT record offers.
std::optional<std::uint16_t> edns_size_of(MessageReader query) {
  while (const std::optional<Record> record = query.next()) {
    if (record->type == Type::opt) {
      return record->dns_class;
    }
  }
  return std::nullopt;
}

bool may_lack_question(const Header& reply) {
  return reply.question_count == 0 && reply.rcode() != Rcode::no_error &&
         reply.rcode() != Rcode::name_error;
}

// Seconds; the address is the same for as long as the namespace lives.
constexpr std::uint32_t own_ttl = 60;

std::uint16_t reply_flags(const Header& asked, std::uint16_t more_flags) {
  constexpr std::uint16_t opcode_bits = 0x7800;
  const auto kept =
      static_cast<std::uint16_t>(asked.flags & (opcode_bits | Header::recursion_desired));
  return static_cast<std::uint16_t>(kept | more_flags | Header::response |
                                    Header::recursion_available);
}

Bytes make_reply(BytesView query, std::uint16_t more_flags) {
  const Header asked = Header::read(query).value();
  const std::uint16_t flags = reply_flags(asked, more_flags);
  const std::optional<MessageReader> reader = MessageReader::open(query);
  if (!reader) {
    Bytes head;
    ByteWriter writer(head);
    Header{.id = asked.id, .flags = flags}.write(writer);
    return head;
  }
  MessageWriter writer(asked.id, flags, reader->question());
  if (edns_size_of(*reader)) {
    writer.add_edns(edns_udp_size);
  }
  return std::move(writer).finish();
}

}  // namespace

bool is_reply_to(BytesView reply, BytesView query) {
  const std::optional<Header> head = Header::read(reply);
  const std::optional<MessageReader> asked = MessageReader::open(query);
  if (!head || !asked || !head->is_response() || head->id != asked->header().id ||
      head->opcode() != asked->header().opcode()) {
    return false;
  }
  const std::optional<MessageReader> answered = MessageReader::open(reply);
  return answered ? answered->question() == asked->question() : may_lack_question(*head);
}

Bytes make_error_reply(BytesView query, Rcode rcode) {
  return make_reply(query, static_cast<std::uint16_t>(rcode));
}

Bytes make_address_reply(BytesView query, const boost::asio::ip::address& address) {
  const MessageReader asked = MessageReader::open(query).value();
  const Question& question = asked.question();
  MessageWriter writer(asked.header().id, reply_flags(asked.header(), 0), question);
  const Type family = address.is_v6() ? Type::aaaa : Type::a;
  if (question.type == family || question.type == Type::any) {
    writer.add(Section::answer, question.name, family, own_ttl, address_rdata(address));
  }
  if (edns_size_of(asked)) {
    writer.add_edns(edns_udp_size);
  }
  return std::move(writer).finish();
}

std::size_t udp_size_of(BytesView query) {
  const std::optional<MessageReader> reader = MessageReader::open(query);
  const std::optional<std::uint16_t> offered = reader ? edns_size_of(*reader) : std::nullopt;
  return std::max(offered.value_or(0), classic_udp_size);
}

Bytes fit_udp(Bytes reply, BytesView query) {
  if (reply.size() <= classic_udp_size || reply.size() <= udp_size_of(query)) {
    return reply;
  }
  const Header head = Header::read(reply).value();
  return make_reply(query, static_cast<std::uint16_t>(Header::truncated |
                                                      static_cast<std::uint16_t>(head.rcode())));
}

}  // namespace kt::dns
