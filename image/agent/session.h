// SPDX-License-Identifier: Apache-2.0
// Who is attached: at most one laptop, which is a session id, the key it brought over link 0, and
// its tunnel. Links come here once they are proven.
#pragma once

#include "io/byte_stream.h"
#include "io/task_group.h"
#include "mux/handshake.h"
#include "mux/tunnel.h"

#include <list>
#include <memory>
#include <optional>

namespace kt::agent {

class Front;

class Sessions {
 public:
  struct Options {
    io::Duration grace;    // kept without a link for so long; and the agent without a laptop
    mux::Welcome welcome;  // what the pod has
    Front* front;          // null: the pod has no ports of an app
  };
  Sessions(const io::Executor& executor, Options options);
  ~Sessions();

  // Serves a link that came through SSH, so its caller holds the user key: it may bring a session.
  io::Task<> serve_first_link(std::unique_ptr<io::ByteStream> link);
  // Serves a link whose caller has proven the key of `proven`.
  io::Task<> serve_data_link(std::unique_ptr<io::ByteStream> link, mux::SessionId proven);

  // The key that a caller with this identity must prove; nothing for strangers.
  [[nodiscard]] std::optional<mux::Key> key_of(BytesView identity) const;

  // Returns when no laptop was attached for the grace time.
  io::Task<> until_abandoned();

  io::Task<> stop();

 private:
  struct Session;

  [[nodiscard]] Session* find(BytesView id) const;
  [[nodiscard]] bool attached() const;
  Session* start(const mux::Hello& hello);
  io::Task<> run(Session& session);
  io::Task<> accept_streams(Session& session);
  io::Task<> serve_stream(std::unique_ptr<mux::Stream> stream);
  void links_changed();
  io::Task<> welcome(Session& session, std::unique_ptr<io::ByteStream> link, mux::Hello hello);
  io::Task<> carry(Session& session, std::unique_ptr<io::ByteStream> link, mux::LinkName name);

  io::Executor executor_;
  Options options_;
  io::TaskGroup tasks_;
  std::list<std::unique_ptr<Session>> sessions_;  // the last is the current one, others are ending
  io::TimePoint last_attached_;
};

}  // namespace kt::agent
