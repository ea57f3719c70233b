// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"
#include "support/catch.h"

namespace kt {

TEST_CASE("what ByteWriter writes ByteReader reads") {
  Bytes bytes;
  ByteWriter writer(bytes);
  writer.u8(0x01);
  writer.u16(0x0203);
  writer.u24(0x040506);
  writer.u32(0x0708090a);
  writer.u64(0x0b0c0d0e0f101112);
  writer.text("x");
  CHECK(to_hex(bytes) == "0102030405060708090a0b0c0d0e0f10111278");
  ByteReader reader(bytes);
  CHECK(reader.u8() == 0x01);
  CHECK(reader.u16() == 0x0203);
  CHECK(reader.u24() == 0x040506);
  CHECK(reader.u32() == 0x0708090a);
  CHECK(reader.u64() == 0x0b0c0d0e0f101112);
  CHECK(to_string(reader.rest()) == "x");
  CHECK(reader.ok());
}

TEST_CASE("a read past the end is zero and spoils the reader for good") {
  ByteReader reader(as_bytes("abc"));
  CHECK(reader.u32() == 0);
  CHECK_FALSE(reader.ok());
  CHECK(reader.u8() == 0);
  CHECK_FALSE(reader.ok());
}

TEST_CASE("base64 pads as RFC 4648 section 10 has it") {
  CHECK(to_base64(as_bytes("")).empty());
  CHECK(to_base64(as_bytes("f")) == "Zg==");
  CHECK(to_base64(as_bytes("fo")) == "Zm8=");
  CHECK(to_base64(as_bytes("foobar")) == "Zm9vYmFy");
}

TEST_CASE("numbers are loaded and stored big-endian") {
  Bytes bytes(6);
  store_u16(bytes, 0, 0xfffe);
  store_u32(bytes, 2, 0x80000001);
  CHECK(to_hex(bytes) == "fffe80000001");
  CHECK(load_u16(bytes, 0) == 0xfffe);
  CHECK(load_u32(bytes, 2) == 0x80000001);
}

}  // namespace kt
