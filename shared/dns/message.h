// SPDX-License-Identifier: Apache-2.0
// DNS messages (RFC 1035 §4, EDNS by RFC 6891). Answers are forwarded as raw bytes; only what a
// decision needs is parsed, so unknown types, codes and options pass unchanged.
#pragma once

#include "base/bytes.h"
#include "dns/name.h"

#include <boost/asio/ip/address.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

namespace kt::dns {

inline constexpr std::size_t header_size = 12;
// What a client takes over UDP without EDNS (RFC 1035 §4.2.1), and what we ask for with it: fits
// one packet on any path (DNS flag day 2020).
inline constexpr std::uint16_t classic_udp_size = 512;
inline constexpr std::uint16_t edns_udp_size = 1232;

enum class Opcode : std::uint8_t { query = 0, iquery = 1, status = 2, notify = 4, update = 5 };
enum class Rcode : std::uint8_t {
  no_error = 0,
  format_error = 1,
  server_failure = 2,
  name_error = 3,  // NXDOMAIN
  not_implemented = 4,
  refused = 5,
};
// Any 16-bit value may occur; the named ones are those that we look at or print.
enum class Type : std::uint16_t {
  a = 1,
  ns = 2,
  cname = 5,
  soa = 6,
  ptr = 12,
  mx = 15,
  txt = 16,
  aaaa = 28,
  srv = 33,
  opt = 41,
  svcb = 64,
  https = 65,
  ixfr = 251,
  axfr = 252,
  any = 255,
};
enum class Class : std::uint16_t { in = 1, any = 255 };
enum class Section { answer, authority, additional };

// Mnemonics as in the registries ("NXDOMAIN", "AAAA"); unknown ones as in RFC 3597 ("TYPE1234").
[[nodiscard]] std::string to_text(Opcode opcode);
[[nodiscard]] std::string to_text(Rcode rcode);
[[nodiscard]] std::string to_text(Type type);
[[nodiscard]] std::string to_text(Class dns_class);

struct Header {
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
  std::uint16_t question_count = 0;
  std::uint16_t answer_count = 0;
  std::uint16_t authority_count = 0;
  std::uint16_t additional_count = 0;

  // Bits of `flags`.
  static constexpr std::uint16_t response = 0x8000;
  static constexpr std::uint16_t truncated = 0x0200;
  static constexpr std::uint16_t recursion_desired = 0x0100;
  static constexpr std::uint16_t recursion_available = 0x0080;

  // nullopt when there are less than 12 bytes.
  [[nodiscard]] static std::optional<Header> read(BytesView message);
  void write(ByteWriter& writer) const;

  [[nodiscard]] bool is_response() const { return (flags & response) != 0; }
  [[nodiscard]] bool is_truncated() const { return (flags & truncated) != 0; }
  [[nodiscard]] Opcode opcode() const { return static_cast<Opcode>(flags >> 11 & 15); }
  [[nodiscard]] Rcode rcode() const { return static_cast<Rcode>(flags & 15); }

  friend bool operator==(const Header&, const Header&) = default;
};

struct Question {
  Name name;
  Type type = Type::a;
  Class dns_class = Class::in;

  friend bool operator==(const Question&, const Question&) = default;
};
// "cart.shop.svc.cluster.local IN A"
[[nodiscard]] std::string to_text(const Question& question);

// A view into the message that it was read from.
struct Record {
  Section section = Section::answer;
  Name owner;
  Type type = Type::a;
  std::uint16_t dns_class = 0;  // for OPT: the sender's UDP size
  std::uint32_t ttl = 0;        // seconds; for OPT: flags
  std::size_t ttl_at = 0;       // offset of the TTL in the message
  std::size_t rdata_at = 0;     // offset of `rdata` in the message
  BytesView rdata;
};

// Reads header and question at once, records one by one. The message must outlive the reader.
class MessageReader {
 public:
  // nullopt unless there is a header and exactly one question that parses; what every resolver
  // sends.
  [[nodiscard]] static std::optional<MessageReader> open(BytesView message);

  [[nodiscard]] const Header& header() const { return header_; }
  [[nodiscard]] const Question& question() const { return question_; }
  // Offset behind the question.
  [[nodiscard]] std::size_t question_end() const { return question_end_; }

  // The next record; nullopt behind the last one and at the first that does not parse.
  [[nodiscard]] std::optional<Record> next();
  // False once a record did not parse.
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  explicit MessageReader(BytesView message) : message_(message) {}
  [[nodiscard]] std::optional<Record> read_record();

  BytesView message_;
  Header header_;
  Question question_;
  std::size_t question_end_ = 0;
  std::size_t at_ = 0;
  std::size_t records_read_ = 0;
  bool ok_ = true;
};

// Writes a message with one question; sections must be added in their order.
class MessageWriter {
 public:
  MessageWriter(std::uint16_t id, std::uint16_t flags, const Question& question);

  // rdata is taken as it is; `owner` is compressed when it is the question's name.
  MessageWriter& add(Section section, const Name& owner, Type type, std::uint32_t ttl,
                     BytesView rdata);
  // The OPT record, without options.
  MessageWriter& add_edns(std::uint16_t udp_size);
  [[nodiscard]] Bytes finish() &&;

 private:
  Header header_;
  Name question_name_;
  Bytes message_;
};

// A recursive question of ours, with EDNS.
[[nodiscard]] Bytes make_query(std::uint16_t id, const Question& question);

// RDATA of A (4 octets) and AAAA (16), and back; nullopt for other types and lengths.
[[nodiscard]] Bytes address_rdata(const boost::asio::ip::address& address);
[[nodiscard]] std::optional<boost::asio::ip::address> read_address(const Record& record);

template <class T>
concept PrintsItself = requires(const T& value) {
  { to_text(value) } -> std::same_as<std::string>;
};
template <PrintsItself T>
std::ostream& operator<<(std::ostream& out, const T& value) {
  return out << to_text(value);
}

}  // namespace kt::dns
