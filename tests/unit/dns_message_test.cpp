// SPDX-License-Identifier: Apache-2.0
#include "dns/message.h"
#include "dns/reply.h"
#include "support/catch.h"
#include "unit/dns_messages.h"

#include <optional>
#include <vector>

using namespace kt::dns;
using kt::Bytes;
using kt::test::a_rdata;
using kt::test::a_reply;
using kt::test::dns_name;
using kt::test::query_of;
using kt::test::question_of;
using kt::test::reply_writer;

namespace {

Bytes reply_with_each_section() {
  const Bytes query = query_of(7, question_of("cart.shop"));
  MessageWriter writer = reply_writer(query, Rcode::no_error);
  writer.add(Section::answer, dns_name("cart.shop"), Type::a, 30, a_rdata("10.96.0.1"));
  writer.add(Section::authority, dns_name("shop"), Type{1234}, 60, kt::as_bytes("raw"));
  writer.add_edns(1232);
  return std::move(writer).finish();
}

}  // namespace

TEST_CASE("enums print as the registries write them") {
  CHECK(to_text(Rcode::name_error) == "NXDOMAIN");
  CHECK(to_text(Rcode{11}) == "RCODE11");
  CHECK(to_text(Opcode::update) == "UPDATE");
  CHECK(to_text(Type::aaaa) == "AAAA");
  CHECK(to_text(Type{1234}) == "TYPE1234");
  CHECK(to_text(Class{3}) == "CLASS3");
  CHECK(to_text(question_of("cart.shop.", Type::srv)) == "cart.shop IN SRV");
}

TEST_CASE("a written message is read back, section by section") {
  const Bytes reply = reply_with_each_section();
  std::optional<MessageReader> reader = MessageReader::open(reply);
  REQUIRE(reader.has_value());
  CHECK(reader->header().id == 7);
  CHECK(reader->header().is_response());
  CHECK(reader->question() == question_of("CART.shop"));

  const std::optional<Record> answer = reader->next();
  REQUIRE(answer.has_value());
  CHECK(answer->section == Section::answer);
  CHECK(answer->owner == dns_name("cart.shop"));
  CHECK(answer->ttl == 30);
  CHECK(kt::load_u32(reply, answer->ttl_at) == 30);
  CHECK(read_address(*answer).value().to_string() == "10.96.0.1");

  const std::optional<Record> authority = reader->next();
  REQUIRE(authority.has_value());
  CHECK(authority->section == Section::authority);
  CHECK(authority->type == Type{1234});
  CHECK(kt::to_string(authority->rdata) == "raw");
  CHECK_FALSE(read_address(*authority).has_value());

  const std::optional<Record> opt = reader->next();
  REQUIRE(opt.has_value());
  CHECK(opt->section == Section::additional);
  CHECK(opt->dns_class == 1232);
  CHECK_FALSE(reader->next().has_value());
  CHECK(reader->ok());
}

TEST_CASE("an IPv6 address survives the way into a record and back") {
  const Bytes query = query_of(1, question_of("cart.shop", Type::aaaa));
  MessageWriter writer = reply_writer(query);
  writer.add(Section::answer, dns_name("cart.shop"), Type::aaaa, 5, a_rdata("fd00::1"));
  const Bytes reply = std::move(writer).finish();
  CHECK(read_address(MessageReader::open(reply)->next().value()).value().to_string() == "fd00::1");
}

TEST_CASE("a message that is cut off anywhere is never read whole") {
  const Bytes reply = a_reply(query_of(7, question_of("cart.shop")), "10.96.0.1");
  for (std::size_t size = 0; size < reply.size(); ++size) {
    CAPTURE(size);
    const Bytes cut(reply.begin(), reply.begin() + static_cast<std::ptrdiff_t>(size));
    std::optional<MessageReader> reader = MessageReader::open(cut);
    if (reader) {
      CHECK_FALSE(reader->next().has_value());
      CHECK_FALSE(reader->ok());
    }
  }
}

TEST_CASE("only a message with exactly one question is opened") {
  Bytes query = query_of(7, question_of("cart.shop"));
  const std::uint16_t count = GENERATE(as<std::uint16_t>(), 0, 2, 65535);
  kt::store_u16(query, 4, count);
  CHECK_FALSE(MessageReader::open(query).has_value());
}

TEST_CASE("a reply belongs to the query with its id, opcode and question") {
  const Bytes query = query_of(7, question_of("cart.shop"));
  CHECK(is_reply_to(a_reply(query, "10.0.0.1"), query));
  CHECK(is_reply_to(a_reply(query_of(7, question_of("CART.Shop")), "10.0.0.1"), query));
  CHECK_FALSE(is_reply_to(query, query));
  CHECK_FALSE(is_reply_to(a_reply(query_of(8, question_of("cart.shop")), "10.0.0.1"), query));
  CHECK_FALSE(is_reply_to(a_reply(query_of(7, question_of("bart.shop")), "10.0.0.1"), query));
  CHECK_FALSE(
      is_reply_to(a_reply(query_of(7, question_of("cart.shop", Type::aaaa)), "10.0.0.1"), query));
  CHECK_FALSE(is_reply_to(Bytes(11), query));
}

TEST_CASE("only an error may come without its question") {
  const Bytes query = query_of(7, question_of("cart.shop"));
  const auto bare = [](Rcode rcode) {
    Bytes head;
    kt::ByteWriter writer(head);
    const auto flags =
        static_cast<std::uint16_t>(Header::response | static_cast<std::uint16_t>(rcode));
    Header{.id = 7, .flags = flags}.write(writer);
    return head;
  };
  CHECK(is_reply_to(bare(Rcode::format_error), query));
  CHECK(is_reply_to(bare(Rcode::refused), query));
  CHECK_FALSE(is_reply_to(bare(Rcode::no_error), query));
  CHECK_FALSE(is_reply_to(bare(Rcode::name_error), query));
}

TEST_CASE("an error of ours repeats id and question, and EDNS only to those who speak it") {
  const Bytes plain = make_error_reply(query_of(7, question_of("cart.shop")), Rcode::refused);
  CHECK(is_reply_to(plain, query_of(7, question_of("cart.shop"))));
  CHECK(Header::read(plain)->rcode() == Rcode::refused);
  CHECK(Header::read(plain)->additional_count == 0);
  const Bytes edns = make_error_reply(make_query(7, question_of("cart.shop")), Rcode::refused);
  CHECK(Header::read(edns)->additional_count == 1);
}

TEST_CASE("a client's UDP size is its OPT's, and never below 512") {
  const auto sized = [](std::uint16_t size) {
    MessageWriter writer(1, 0, question_of("a"));
    writer.add_edns(size);
    return std::move(writer).finish();
  };
  CHECK(udp_size_of(query_of(1, question_of("a"))) == 512);
  CHECK(udp_size_of(sized(100)) == 512);
  CHECK(udp_size_of(sized(4096)) == 4096);
}

TEST_CASE("a reply longer than the client takes becomes TC, any other stays as it is") {
  const Bytes query = query_of(7, question_of("cart.shop"));
  MessageWriter writer = reply_writer(query);
  for (int i = 0; i < 40; ++i) {
    writer.add(Section::answer, dns_name("cart.shop"), Type::a, 5, a_rdata("10.0.0.1"));
  }
  const Bytes reply = std::move(writer).finish();
  REQUIRE(reply.size() > 512);
  const Bytes cut = fit_udp(reply, query);
  CHECK(Header::read(cut)->is_truncated());
  CHECK(Header::read(cut)->answer_count == 0);
  CHECK(is_reply_to(cut, query));
  CHECK(fit_udp(reply, make_query(7, question_of("cart.shop"))) == reply);
}
