// SPDX-License-Identifier: Apache-2.0
#include "dns/message.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace kt::dns {
namespace {

namespace ip = boost::asio::ip;

template <class RawBytes>
ip::address address_of(BytesView rdata) {
  RawBytes raw;
  std::transform(rdata.begin(), rdata.end(), raw.begin(),
                 [](std::byte b) { return std::to_integer<unsigned char>(b); });
  if constexpr (std::is_same_v<RawBytes, ip::address_v4::bytes_type>) {
    return ip::address_v4(raw);
  } else {
    return ip::address_v6(raw);
  }
}

}  // namespace

std::string to_text(Opcode opcode) {
  switch (opcode) {
    case Opcode::query:
      return "QUERY";
    case Opcode::iquery:
      return "IQUERY";
    case Opcode::status:
      return "STATUS";
    case Opcode::notify:
      return "NOTIFY";
    case Opcode::update:
      return "UPDATE";
  }
  return fmt::format("OPCODE{}", static_cast<unsigned>(opcode));
}

std::string to_text(Rcode rcode) {
  switch (rcode) {
    case Rcode::no_error:
      return "NOERROR";
    case Rcode::format_error:
      return "FORMERR";
    case Rcode::server_failure:
      return "SERVFAIL";
    case Rcode::name_error:
      return "NXDOMAIN";
    case Rcode::not_implemented:
      return "NOTIMP";
    case Rcode::refused:
      return "REFUSED";
  }
  return fmt::format("RCODE{}", static_cast<unsigned>(rcode));
}

std::string to_text(Type type) {
  constexpr std::array<std::pair<Type, std::string_view>, 15> names{{
      {Type::a, "A"},
      {Type::ns, "NS"},
      {Type::cname, "CNAME"},
      {Type::soa, "SOA"},
      {Type::ptr, "PTR"},
      {Type::mx, "MX"},
      {Type::txt, "TXT"},
      {Type::aaaa, "AAAA"},
      {Type::srv, "SRV"},
      {Type::opt, "OPT"},
      {Type::svcb, "SVCB"},
      {Type::https, "HTTPS"},
      {Type::ixfr, "IXFR"},
      {Type::axfr, "AXFR"},
      {Type::any, "ANY"},
  }};
  const auto known = std::find_if(names.begin(), names.end(),
                                  [type](const auto& entry) { return entry.first == type; });
  return known != names.end() ? std::string(known->second)
                              : fmt::format("TYPE{}", static_cast<unsigned>(type));
}

std::string to_text(Class dns_class) {
  switch (dns_class) {
    case Class::in:
      return "IN";
    case Class::any:
      return "ANY";
  }
  return fmt::format("CLASS{}", static_cast<unsigned>(dns_class));
}

std::string to_text(const Question& question) {
  return fmt::format("{} {} {}", question.name.to_text(), to_text(question.dns_class),
                     to_text(question.type));
}

std::optional<Header> Header::read(BytesView message) {
  ByteReader reader(message);
  Header header;
  header.id = reader.u16();
  header.flags = reader.u16();
  header.question_count = reader.u16();
  header.answer_count = reader.u16();
  header.authority_count = reader.u16();
  header.additional_count = reader.u16();
  if (!reader.ok()) {
    return std::nullopt;
  }
  return header;
}

void Header::write(ByteWriter& writer) const {
  for (const std::uint16_t field :
       {id, flags, question_count, answer_count, authority_count, additional_count}) {
    writer.u16(field);
  }
}

std::optional<MessageReader> MessageReader::open(BytesView message) {
  const std::optional<Header> header = Header::read(message);
  if (!header || header->question_count != 1) {
    return std::nullopt;
  }
  std::optional<NameInMessage> name = Name::read(message, header_size);
  if (!name || message.size() - name->end < 4) {
    return std::nullopt;
  }
  MessageReader reader(message);
  reader.header_ = *header;
  reader.question_ = Question{std::move(name->name), Type{load_u16(message, name->end)},
                              Class{load_u16(message, name->end + 2)}};
  reader.question_end_ = reader.at_ = name->end + 4;
  return reader;
}

std::optional<Record> MessageReader::next() {
  const std::size_t answers = header_.answer_count;
  const std::size_t before_additional = answers + header_.authority_count;
  if (!ok_ || records_read_ == before_additional + header_.additional_count) {
    return std::nullopt;
  }
  std::optional<Record> record = read_record();
  ok_ = record.has_value();
  if (record) {
    record->section = records_read_ < answers             ? Section::answer
                      : records_read_ < before_additional ? Section::authority
                                                          : Section::additional;
    ++records_read_;
  }
  return record;
}

std::optional<Record> MessageReader::read_record() {
  std::optional<NameInMessage> owner = Name::read(message_, at_);
  if (!owner) {
    return std::nullopt;
  }
  ByteReader reader(message_);
  reader.skip(owner->end);
  Record record;
  record.owner = std::move(owner->name);
  record.type = Type{reader.u16()};
  record.dns_class = reader.u16();
  record.ttl_at = reader.position();
  record.ttl = reader.u32();
  const std::uint16_t length = reader.u16();
  record.rdata_at = reader.position();
  record.rdata = reader.take(length);
  if (!reader.ok()) {
    return std::nullopt;
  }
  at_ = reader.position();
  return record;
}

MessageWriter::MessageWriter(std::uint16_t id, std::uint16_t flags, const Question& question)
    : header_{.id = id, .flags = flags, .question_count = 1}, question_name_(question.name) {
  ByteWriter writer(message_);
  header_.write(writer);
  writer.bytes(question.name.wire());
  writer.u16(static_cast<std::uint16_t>(question.type));
  writer.u16(static_cast<std::uint16_t>(question.dns_class));
}

MessageWriter& MessageWriter::add(Section section, const Name& owner, Type type, std::uint32_t ttl,
                                  BytesView rdata) {
  constexpr std::uint16_t pointer_to_question = 0xC000 | header_size;
  ByteWriter writer(message_);
  if (owner == question_name_) {
    writer.u16(pointer_to_question);
  } else {
    writer.bytes(owner.wire());
  }
  writer.u16(static_cast<std::uint16_t>(type));
  writer.u16(static_cast<std::uint16_t>(Class::in));
  writer.u32(ttl);
  writer.u16(static_cast<std::uint16_t>(rdata.size()));
  writer.bytes(rdata);
  ++(section == Section::answer      ? header_.answer_count
     : section == Section::authority ? header_.authority_count
                                     : header_.additional_count);
  return *this;
}

MessageWriter& MessageWriter::add_edns(std::uint16_t udp_size) {
  ByteWriter writer(message_);
  writer.bytes(Name().wire());
  writer.u16(static_cast<std::uint16_t>(Type::opt));
  writer.u16(udp_size);
  writer.u32(0);  // extended code, version and flags
  writer.u16(0);
  ++header_.additional_count;
  return *this;
}

Bytes MessageWriter::finish() && {
  Bytes head;
  ByteWriter writer(head);
  header_.write(writer);
  std::copy(head.begin(), head.end(), message_.begin());
  return std::move(message_);
}

Bytes make_query(std::uint16_t id, const Question& question) {
  return std::move(MessageWriter(id, Header::recursion_desired, question).add_edns(edns_udp_size))
      .finish();
}

Bytes address_rdata(const ip::address& address) {
  Bytes rdata;
  const auto append = [&rdata](const auto& raw) {
    for (const unsigned char octet : raw) {
      rdata.push_back(std::byte{octet});
    }
  };
  if (address.is_v4()) {
    append(address.to_v4().to_bytes());
  } else {
    append(address.to_v6().to_bytes());
  }
  return rdata;
}

std::optional<ip::address> read_address(const Record& record) {
  if (record.type == Type::a && record.rdata.size() == 4) {
    return address_of<ip::address_v4::bytes_type>(record.rdata);
  }
  if (record.type == Type::aaaa && record.rdata.size() == 16) {
    return address_of<ip::address_v6::bytes_type>(record.rdata);
  }
  return std::nullopt;
}

}  // namespace kt::dns
