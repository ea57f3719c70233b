// SPDX-License-Identifier: Apache-2.0
#include "agent/session.h"

#include "agent/dial.h"
#include "agent/front.h"
#include "base/error.h"
#include "base/log.h"

#include <boost/system/system_error.hpp>

#include <algorithm>

namespace kt::agent {
namespace {

using io::Task;
using std::chrono::seconds;

// Two carriers may log in side by side, and only one of them ever says HELLO.
constexpr seconds hello_limit{10};

}  // namespace

struct Sessions::Session {
  Session(const io::Executor& executor, const mux::Hello& hello,
          const mux::Tunnel::Options& options)
      : id(hello.session),
        key(*hello.key),
        tunnel(std::make_shared<mux::Tunnel>(executor, options)),
        tasks(executor) {}

  mux::SessionId id;
  mux::Key key;
  std::shared_ptr<mux::Tunnel> tunnel;  // also of the front's connections, which end with it
  io::TaskGroup tasks;                  // what uses the tunnel
};

Sessions::Sessions(const io::Executor& executor, Options options)
    : executor_(executor),
      options_(std::move(options)),
      tasks_(executor),
      last_attached_(io::Clock::now()) {}

Sessions::~Sessions() = default;

Sessions::Session* Sessions::find(BytesView id) const {
  if (sessions_.empty() || sessions_.back()->tunnel->ended()) {
    return nullptr;
  }
  Session& current = *sessions_.back();
  return std::ranges::equal(current.id, id) ? &current : nullptr;
}

bool Sessions::attached() const {
  if (sessions_.empty() || sessions_.back()->tunnel->ended()) {
    return false;
  }
  return !sessions_.back()->tunnel->status().links.empty();
}

std::optional<mux::Key> Sessions::key_of(BytesView identity) const {
  const Session* session = find(identity);
  return session == nullptr ? std::nullopt : std::optional(session->key);
}

// Nothing when another laptop is attached, or the caller brought no key.
Sessions::Session* Sessions::start(const mux::Hello& hello) {
  if (attached() || !hello.key) {
    return nullptr;
  }
  if (!sessions_.empty()) {
    sessions_.back()->tunnel->end("another laptop took over");
  }
  mux::Tunnel::Options options;
  options.role = mux::Role::agent;
  options.grace = options_.grace;
  sessions_.push_back(std::make_unique<Session>(executor_, hello, options));
  tasks_.spawn(run(*sessions_.back()));
  if (options_.front != nullptr) {
    options_.front->laptop_came(sessions_.back()->tunnel);
  }
  return sessions_.back().get();
}

Task<> Sessions::run(Session& session) {
  session.tasks.spawn(accept_streams(session));
  std::string why = "the agent ends";
  try {
    why = co_await session.tunnel->run();
  } catch (const boost::system::system_error&) {
    // cancelled: what uses the tunnel must end before it all the same
  }
  log::info("session", "tunnel ended: {}", why);
  links_changed();
  co_await io::ignore_cancellation();
  co_await session.tasks.stop();
  sessions_.remove_if([&session](const auto& each) { return each.get() == &session; });
}

Task<> Sessions::accept_streams(Session& session) {
  while (std::unique_ptr<mux::Stream> stream = co_await session.tunnel->accept()) {
    session.tasks.spawn(serve_stream(std::move(stream)));
  }
}

Task<> Sessions::serve_stream(std::unique_ptr<mux::Stream> stream) {
  const bool to_front = stream->target().protocol == mux::Protocol::front;
  return to_front && options_.front != nullptr ? options_.front->converse(std::move(stream))
                                               : dial(std::move(stream));
}

void Sessions::links_changed() {
  if (options_.front != nullptr) {
    options_.front->links_changed();
  }
}

Task<> Sessions::serve_first_link(std::unique_ptr<io::ByteStream> link) {
  mux::Hello hello = co_await mux::await_hello(*link, hello_limit);
  Session* session = find(hello.session);
  if (session == nullptr) {
    session = start(hello);
  }
  if (session == nullptr || hello.link != 0) {
    mux::Goaway busy{mux::GoawayReason::busy, "another laptop is attached to this shadow"};
    co_await mux::send_goaway(*link, std::move(busy));
    co_return;
  }
  co_await welcome(*session, std::move(link), std::move(hello));
}

Task<> Sessions::serve_data_link(std::unique_ptr<io::ByteStream> link, mux::SessionId proven) {
  mux::Hello hello = co_await mux::await_hello(*link, hello_limit);
  Session* session = hello.session == proven ? find(hello.session) : nullptr;
  if (session == nullptr || hello.link == 0) {
    mux::Goaway unknown{mux::GoawayReason::unknown_session, "this session is not known here"};
    co_await mux::send_goaway(*link, std::move(unknown));
    co_return;
  }
  co_await welcome(*session, std::move(link), std::move(hello));
}

Task<> Sessions::welcome(Session& session, std::unique_ptr<io::ByteStream> link, mux::Hello hello) {
  co_await mux::send_welcome(*link, options_.welcome);
  // Others ran meanwhile: the session may have ended.
  if (find(hello.session) == &session) {
    log::info("session", "link {} carries", hello.link);
    session.tasks.spawn(carry(session, std::move(link), {hello.link, hello.generation}));
    links_changed();
  }
}

Task<> Sessions::carry(Session& session, std::unique_ptr<io::ByteStream> link, mux::LinkName name) {
  const std::string why = co_await session.tunnel->run_link(std::move(link), name);
  last_attached_ = io::Clock::now();
  links_changed();
  log::info("session", "link {} ended: {}", name.number, why);
}

Task<> Sessions::until_abandoned() {
  while (true) {
    const io::Duration idle = attached() ? io::Duration(0) : io::Clock::now() - last_attached_;
    if (idle >= options_.grace) {
      co_return;
    }
    co_await io::sleep_for(options_.grace - idle);
    // A laptop that is attached now may leave the moment after: look again a second later then.
    if (attached()) {
      last_attached_ = io::Clock::now();
    }
  }
}

Task<> Sessions::stop() {
  if (!sessions_.empty()) {
    sessions_.back()->tunnel->end("the shadow pod is ending");
  }
  co_await tasks_.stop();
}

}  // namespace kt::agent
