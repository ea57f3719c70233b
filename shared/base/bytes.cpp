// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <algorithm>

namespace kt {

BytesView as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string to_string(BytesView bytes) {
  std::string text(bytes.size(), '\0');
  std::transform(bytes.begin(), bytes.end(), text.begin(),
                 [](std::byte b) { return static_cast<char>(b); });
  return text;
}

std::string to_hex(BytesView bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte b : bytes) {
    text += digits[std::to_integer<std::size_t>(b >> 4)];
    text += digits[std::to_integer<std::size_t>(b & std::byte{15})];
  }
  return text;
}

std::string to_base64(BytesView bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t left = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < left ? std::to_integer<std::uint32_t>(bytes[at + i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      text += i <= left ? digits[group >> (18 - 6 * i) & 63] : '=';
    }
  }
  return text;
}

std::uint64_t ByteReader::number(std::size_t width) {
  std::uint64_t value = 0;
  for (const std::byte b : take(width)) {
    value = value << 8 | std::to_integer<std::uint64_t>(b);
  }
  return value;
}

std::uint8_t ByteReader::u8() {
  return static_cast<std::uint8_t>(number(1));
}
std::uint16_t ByteReader::u16() {
  return static_cast<std::uint16_t>(number(2));
}
std::uint32_t ByteReader::u24() {
  return static_cast<std::uint32_t>(number(3));
}
std::uint32_t ByteReader::u32() {
  return static_cast<std::uint32_t>(number(4));
}
std::uint64_t ByteReader::u64() {
  return number(8);
}

BytesView ByteReader::take(std::size_t count) {
  if (!ok_ || count > bytes_.size() - at_) {
    ok_ = false;
    return {};
  }
  at_ += count;
  return bytes_.subspan(at_ - count, count);
}

void ByteReader::skip(std::size_t count) {
  (void)take(count);
}

void ByteWriter::number(std::uint64_t value, std::size_t width) {
  for (std::size_t i = width; i-- > 0;) {
    out_.push_back(static_cast<std::byte>(value >> (8 * i)));
  }
}

std::uint16_t load_u16(BytesView bytes, std::size_t at) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[at]) << 8 |
                                    std::to_integer<unsigned>(bytes[at + 1]));
}

std::uint32_t load_u32(BytesView bytes, std::size_t at) {
  return std::uint32_t{load_u16(bytes, at)} << 16 | load_u16(bytes, at + 2);
}

void store_u16(MutableBytes bytes, std::size_t at, std::uint16_t value) {
  bytes[at] = static_cast<std::byte>(value >> 8);
  bytes[at + 1] = static_cast<std::byte>(value);
}

void store_u32(MutableBytes bytes, std::size_t at, std::uint32_t value) {
  store_u16(bytes, at, static_cast<std::uint16_t>(value >> 16));
  store_u16(bytes, at + 2, static_cast<std::uint16_t>(value));
}

}  // namespace kt
