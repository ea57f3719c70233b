// SPDX-License-Identifier: Apache-2.0
// Big-endian bytes in and out. Everything that comes from a network is read through ByteReader.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kt {

using Bytes = std::vector<std::byte>;
using BytesView = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

[[nodiscard]] BytesView as_bytes(std::string_view text);
[[nodiscard]] std::string to_string(BytesView bytes);
[[nodiscard]] std::string to_hex(BytesView bytes);
[[nodiscard]] std::string to_base64(BytesView bytes);

// Reads from the front. A read past the end gives zeros and makes ok() false for good, so a parser
// reads all its fields and asks once.
class ByteReader {
 public:
  explicit ByteReader(BytesView bytes) : bytes_(bytes) {}

  std::uint8_t u8();
  std::uint16_t u16();
  std::uint32_t u24();
  std::uint32_t u32();
  std::uint64_t u64();
  BytesView take(std::size_t count);  // empty when there is less
  void skip(std::size_t count);

  [[nodiscard]] BytesView rest() const { return bytes_.subspan(at_); }
  [[nodiscard]] std::size_t position() const { return at_; }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  std::uint64_t number(std::size_t width);

  BytesView bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

// Appends to a vector that the caller owns and that must outlive the writer.
class ByteWriter {
 public:
  explicit ByteWriter(Bytes& out) : out_(out) {}

  void u8(std::uint8_t value) { number(value, 1); }
  void u16(std::uint16_t value) { number(value, 2); }
  void u24(std::uint32_t value) { number(value, 3); }
  void u32(std::uint32_t value) { number(value, 4); }
  void u64(std::uint64_t value) { number(value, 8); }
  void bytes(BytesView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void text(std::string_view text) { bytes(as_bytes(text)); }

 private:
  void number(std::uint64_t value, std::size_t width);

  Bytes& out_;
};

// Numbers inside a packet at a fixed place; the caller has checked the length.
[[nodiscard]] std::uint16_t load_u16(BytesView bytes, std::size_t at);
[[nodiscard]] std::uint32_t load_u32(BytesView bytes, std::size_t at);
void store_u16(MutableBytes bytes, std::size_t at, std::uint16_t value);
void store_u32(MutableBytes bytes, std::size_t at, std::uint32_t value);

}  // namespace kt
