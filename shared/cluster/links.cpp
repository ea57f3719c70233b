// SPDX-License-Identifier: Apache-2.0
#include "cluster/links.h"

#include "base/error.h"
#include "base/log.h"
#include "cluster/names.h"
#include "io/backoff.h"
#include "mux/handshake.h"
#include "ssh/session.h"
#include "tls/psk_stream.h"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

namespace kt::cluster {
namespace {

using io::Task;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Stream = std::unique_ptr<io::ByteStream>;

constexpr seconds secure_limit{10};
constexpr seconds greet_limit{10};
// While port-forward carries, the better way is tried again so often.
constexpr seconds better_every{30};
// A retry costs the API server a request or two.
constexpr milliseconds first_retry{100};
constexpr seconds last_retry{3};

Task<Stream> log_in(Stream below, const Credentials& credentials) {
  ssh::Login login;
  login.user = std::string(names::agent_user);
  login.host_key = credentials.host_key;
  login.command = "attach";
  login.limit = secure_limit;
  co_return co_await ssh::open_channel(std::move(below), std::move(login), credentials.user_key);
}

Task<Stream> prove_key(Stream below, const Credentials& credentials) {
  co_return co_await tls::PskStream::connect(std::move(below), credentials.session, credentials.key,
                                             secure_limit);
}

}  // namespace

Links::Links(const io::Executor& executor, Carriers& carriers, mux::Tunnel& tunnel,
             const Credentials& credentials, int data_links)
    : executor_(executor),
      link_ended_(executor),
      carriers_(carriers),
      tunnel_(tunnel),
      credentials_(credentials),
      slots_(static_cast<std::size_t>(data_links) + 1) {}

Carriers::Secure Links::secure(std::uint16_t number) const {
  if (number == 0) {
    return [this](Stream below) { return log_in(std::move(below), credentials_); };
  }
  return [this](Stream below) { return prove_key(std::move(below), credentials_); };
}

Task<mux::Welcome> Links::greet(std::uint16_t number, CarriedLink& link) {
  mux::Hello hello;
  hello.session = credentials_.session;
  hello.link = number;
  hello.generation = ++slots_[number].generation;
  if (number == 0) {
    hello.key = credentials_.key;
  }
  co_return co_await mux::greet(*link.stream, std::move(hello), greet_limit);
}

Task<mux::Welcome> Links::connect() {
  const Carriers::Secure secured = secure(0);
  CarriedLink link = co_await carriers_.race(secured);
  mux::Welcome welcome = co_await greet(0, link);
  slots_[0].link = std::move(link);
  co_return welcome;
}

Task<> Links::keep() {
  io::TaskGroup group(executor_);
  for (std::size_t number = 0; number < slots_.size(); ++number) {
    group.spawn(keep_link(static_cast<std::uint16_t>(number)));
  }
  co_await group.join();
}

Task<> Links::keep_link(std::uint16_t number) {
  io::Backoff backoff(first_retry, last_retry);
  while (!tunnel_.ended()) {
    bool failed = false;
    try {
      co_await carry(number);
      backoff.reset();
    } catch (const Error& e) {
      log::debug("links", "link {}: {}", number, e.message());
      failed = true;
    }
    if (failed && !tunnel_.ended()) {
      co_await io::sleep_for(backoff.next(0.5));
    }
  }
}

// One life of a link: made (unless connect() did), greeted, carried until it broke.
Task<> Links::carry(std::uint16_t number) {
  Slot& slot = slots_[number];
  if (!slot.link) {
    slot.link = co_await make(number);
  }
  CarriedLink link = std::move(*slot.link);
  slot.link.reset();
  if (link.carrier == Carrier::proxy || !carriers_.may_use(Carrier::proxy)) {
    co_await run_link(number, std::move(link), slot.generation);
    co_return;
  }
  io::TaskGroup old(executor_);
  old.spawn(run_link(number, std::move(link), slot.generation));
  co_await old.stop_after(await_better(number, old));  // its newer generation ends the old one
}

Task<CarriedLink> Links::make(std::uint16_t number) {
  const Carriers::Secure secured = secure(number);
  CarriedLink made = co_await carriers_.race(secured);
  co_await greet(number, made);
  co_return made;
}

// The slot has no link afterwards when the old one ended first.
Task<> Links::await_better(std::uint16_t number, const io::TaskGroup& old) {
  std::optional<CarriedLink>& better = slots_[number].link;
  while (!better && old.size() > 0 && !tunnel_.ended()) {
    const bool woken = co_await link_ended_.wait_for(better_every);
    if (!woken) {
      better = co_await find_better(number);
    }
  }
}

std::optional<Carrier> Links::carrier_of(std::uint16_t number) const {
  return number < slots_.size() ? slots_[number].carrying : std::nullopt;
}

Task<> Links::run_link(std::uint16_t number, CarriedLink link, std::uint32_t generation) {
  slots_[number].carrying = link.carrier;
  const std::string why =
      co_await tunnel_.run_link(std::move(link.stream), mux::LinkName{number, generation});
  log::debug("links", "link {} over {} ended: {}", number, to_string(link.carrier), why);
  slots_[number].carrying.reset();
  link_ended_.notify();
}

Task<std::optional<CarriedLink>> Links::find_better(std::uint16_t number) {
  try {
    const Carriers::Secure secured = secure(number);
    CarriedLink link = co_await carriers_.attempt(Carrier::proxy, secured);
    co_await greet(number, link);
    co_return std::move(link);
  } catch (const Error& e) {
    log::debug("links", "pods/proxy still does not carry: {}", e.message());
  }
  co_return std::nullopt;
}

}  // namespace kt::cluster
