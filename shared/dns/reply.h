// SPDX-License-Identifier: Apache-2.0
// What a forwarder may do with a reply without understanding it.
#pragma once

#include "base/bytes.h"
#include "dns/message.h"

#include <cstddef>

namespace kt::dns {

// True when `reply` answers `query`: a response with the same id, opcode and question (its name
// compared without case). An error without a question section also counts: servers that could not
// parse or refuse send it. Whoever receives datagrams drops what does not match and waits on.
[[nodiscard]] bool is_reply_to(BytesView reply, BytesView query);

// A reply of our own without records: header, question (if it parses), OPT if the query has one
// (RFC 6891 §7). Precondition: `query` has a header.
[[nodiscard]] Bytes make_error_reply(BytesView query, Rcode rcode);

// The reply to a name that is ours: `address` when the question is for its family, else no data.
// Precondition: `query` parses.
[[nodiscard]] Bytes make_address_reply(BytesView query, const boost::asio::ip::address& address);

// The most that the sender of `query` takes over UDP: its OPT's size, at least 512.
[[nodiscard]] std::size_t udp_size_of(BytesView query);

// `reply` unless it is longer than that; then with TC and without records, so that the client
// comes back over TCP.
[[nodiscard]] Bytes fit_udp(Bytes reply, BytesView query);

}  // namespace kt::dns
