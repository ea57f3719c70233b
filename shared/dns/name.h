// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace kt::dns {

struct NameInMessage;

// An absolute domain name (RFC 1035 §3.1): labels of 1 to 63 octets, 255 octets on the wire at
// most. A value; the default is the root. Case is kept, and ignored by every comparison (RFC 4343).
class Name {
 public:
  Name() : wire_(1, '\0') {}

  // Presentation form, with or without the final dot; `\.` and `\DDD` as in RFC 1035 §5.1.
  // nullopt for an empty text, an empty label, or a label or name that is too long.
  [[nodiscard]] static std::optional<Name> from_text(std::string_view text);

  // The name at offset `at` of a whole message. Compression pointers must lead backwards, so that
  // every chain ends; nullopt for anything else.
  [[nodiscard]] static std::optional<NameInMessage> read(BytesView message, std::size_t at);

  // `name` below `suffix` ("cart" and "shop.svc" give "cart.shop.svc"); nullopt when that is too
  // long.
  [[nodiscard]] static std::optional<Name> join(const Name& name, const Name& suffix);

  // Without the final dot; the root is ".". Octets that are not printable ASCII become `\DDD`, so
  // the text is harmless on a terminal and in resolv.conf.
  [[nodiscard]] std::string to_text() const;
  // Uncompressed wire form, the root's zero included.
  [[nodiscard]] BytesView wire() const { return as_bytes(wire_); }

  // True for the name itself too, as in RFC 8499 ("subdomain").
  [[nodiscard]] bool is_subdomain_of(const Name& other) const;
  [[nodiscard]] std::size_t label_count() const;
  // The octets of a label; 0 is the leftmost. Precondition: `index` < label_count().
  [[nodiscard]] std::string_view label(std::size_t index) const;
  // Without the leftmost label; the root's parent is the root.
  [[nodiscard]] Name parent() const;

  friend bool operator==(const Name& a, const Name& b);

 private:
  explicit Name(std::string wire) : wire_(std::move(wire)) {}

  std::string wire_;
};

struct NameInMessage {
  Name name;
  std::size_t end;  // offset behind the name, that is behind the first pointer if there is one
};

[[nodiscard]] inline std::string to_text(const Name& name) {
  return name.to_text();
}

}  // namespace kt::dns
