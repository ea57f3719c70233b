// SPDX-License-Identifier: Apache-2.0
// Look-ups for ourselves (SOCKS targets given by name), as a resolver library in a pod would do
// them.
#pragma once

#include "dns/forwarder.h"
#include "dns/message.h"
#include "dns/resolv_conf.h"

#include <boost/asio/ip/address.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace kt::dns {

// The names that `host` may mean, in the order to be tried: with fewer dots than the option ndots
// (default 1) the search list first; with a final dot only itself. Empty when `host` is no name.
[[nodiscard]] std::vector<Name> search_candidates(std::string_view host, const ResolvConf& conf);

// The A or AAAA records that belong to the question, through its chain of CNAMEs. Empty for errors
// and for what does not parse.
[[nodiscard]] std::vector<boost::asio::ip::address> parse_addresses(BytesView reply);

// All addresses of the first candidate that has any, IPv4 first; empty when there are none.
// `forwarder` and `conf` must outlive the task.
io::Task<std::vector<boost::asio::ip::address>> lookup(Forwarder& forwarder, std::string host,
                                                       const ResolvConf& conf);

}  // namespace kt::dns
