// SPDX-License-Identifier: Apache-2.0
// Bytes of one direction of a stream, addressed by their offset in the stream. Held in chunks that
// come from a pool shared by a tunnel: an empty queue holds none.
#pragma once

#include "base/bytes.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace kt::mux {

class ChunkPool {
 public:
  static constexpr std::size_t small_size = 4 * 1024;   // for streams that say little
  static constexpr std::size_t large_size = 64 * 1024;  // one full DATA

  using Chunk = std::unique_ptr<std::byte[]>;

  [[nodiscard]] Chunk take(bool large);
  void give_back(Chunk chunk, bool large);
  [[nodiscard]] std::size_t in_use() const { return in_use_; }  // bytes handed out

 private:
  static constexpr std::size_t kept_small = 256;
  static constexpr std::size_t kept_large = 64;

  std::vector<Chunk> small_;
  std::vector<Chunk> large_;
  std::size_t in_use_ = 0;
};

class ByteQueue {
 public:
  explicit ByteQueue(ChunkPool& pool) : pool_(pool) {}
  ByteQueue(const ByteQueue&) = delete;
  ByteQueue& operator=(const ByteQueue&) = delete;
  ~ByteQueue() { clear(); }

  [[nodiscard]] std::uint64_t begin() const { return begin_; }  // offset of the first byte held
  [[nodiscard]] std::uint64_t end() const { return end_; }      // offset behind the last one
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(end_ - begin_); }

  // Never empty; at most one chunk. commit(0) gives an unused chunk back.
  [[nodiscard]] MutableBytes prepare();
  void commit(std::size_t count);
  void append(BytesView bytes);

  // The bytes from `offset` on that lie together; empty at the end. begin() <= offset <= end().
  [[nodiscard]] BytesView at(std::uint64_t offset) const;
  // The same for all the bytes from `offset` on, chunk by chunk; how many parts there are.
  std::size_t parts(std::uint64_t offset, std::span<BytesView> parts) const;
  // Drops all before `offset`.
  void drop_before(std::uint64_t offset);
  // Drops everything; end() stays.
  void clear();

 private:
  struct Slot {
    ChunkPool::Chunk bytes;
    std::uint64_t start;  // offset of the chunk's first byte
    bool large;
    [[nodiscard]] std::size_t capacity() const {
      return large ? ChunkPool::large_size : ChunkPool::small_size;
    }
  };

  void drop_front();

  ChunkPool& pool_;
  std::vector<Slot> slots_;  // from head_ on
  std::size_t head_ = 0;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace kt::mux
