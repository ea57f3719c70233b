// SPDX-License-Identifier: Apache-2.0
// Runs a command captured, with a FarEnd as its cluster. The command is often this test program
// itself, asked for one of its hidden test cases: those run inside.
#pragma once

#include "host/namespaces.h"
#include "netns/far_end.h"
#include "support/run_task.h"

#include <string>
#include <vector>

namespace kt::test {

inline host::CaptureSpec capture_spec(std::vector<std::string> argv) {
  host::CaptureSpec spec;
  spec.network.v4 = {"198.18.77.1", 30};
  spec.network.v6 = host::InterfaceAddress{"fd00:6b74::1", 64};
  spec.resolver.resolv_conf = "nameserver 198.18.77.2\nsearch shop.svc.cluster.local\n";
  spec.command.argv = std::move(argv);
  return spec;
}

inline io::Task<host::CommandEnd> run_captured(host::CaptureSpec spec) {
  const io::Executor executor = co_await io::asio::this_coro::executor;
  host::NamespacedCommand command = co_await host::NamespacedCommand::prepare(std::move(spec));
  FarEnd far_end(executor, command);
  far_end.start();
  host::CommandEnd end = co_await command.run();
  co_await far_end.stop();
  co_return end;
}

inline io::Task<> run_captured_into(host::CaptureSpec spec, host::CommandEnd& end) {
  end = co_await run_captured(std::move(spec));
}

inline host::CommandEnd captured(host::CaptureSpec spec) {
  host::CommandEnd end;
  run_task([&](const io::Executor&) { return run_captured_into(std::move(spec), end); });
  return end;
}

// 0 when the hidden test case passes inside.
inline int passes_inside(const std::string& test_case) {
  return captured(capture_spec({"/proc/self/exe", test_case})).exit_code;
}

}  // namespace kt::test
