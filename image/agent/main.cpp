// SPDX-License-Identifier: Apache-2.0
// kt-agent: what runs in the shadow pod.
//   kt-agent serve --port=7070 --grace=120   the container's command; for an exchange also
//       --front=PORT… [--hold=5] [--originals=NAME]
//   kt-agent attach                          sshd's forced command
//   kt-agent -c 'kt-agent attach'            the same as login shell: the image has no other
#include "agent/serve.h"
#include "base/error.h"
#include "io/open_files.h"
#include "io/scheduling.h"

#include <cstdio>
#include <string>
#include <vector>

namespace {

// The value of --name=N; throws Error usage.
long number(const std::string& argument, const std::string& prefix) {
  if (!argument.starts_with(prefix)) {
    return -1;
  }
  return std::stol(argument.substr(prefix.size()));
}

kt::agent::ServeOptions parse(const std::vector<std::string>& arguments) {
  kt::agent::ServeOptions options;
  for (const std::string& argument : arguments) {
    if (const long port = number(argument, "--port="); port > 0 && port < 65536) {
      options.port = static_cast<std::uint16_t>(port);
    } else if (const long grace = number(argument, "--grace="); grace > 0) {
      options.grace = std::chrono::seconds(grace);
    } else if (const long front = number(argument, "--front="); front > 0 && front < 65536) {
      options.front.push_back(static_cast<std::uint16_t>(front));
    } else if (const long hold = number(argument, "--hold="); hold >= 0) {
      options.hold = std::chrono::seconds(hold);
    } else if (argument.starts_with("--originals=")) {
      options.originals = argument.substr(std::string("--originals=").size());
    } else {
      throw kt::Error(kt::ErrorKind::usage, "unknown argument '" + argument + "'");
    }
  }
  return options;
}

int run(std::vector<std::string> arguments) {
  if (!arguments.empty() && arguments[0] == "serve") {
    arguments.erase(arguments.begin());
    kt::io::allow_many_files();
    kt::io::schedule_in_batches();
    return kt::agent::serve(parse(arguments));
  }
  const bool as_shell = arguments.size() == 2 && arguments[0] == "-c";
  if (as_shell || arguments == std::vector<std::string>{"attach"}) {
    return kt::agent::attach();
  }
  throw kt::Error(kt::ErrorKind::usage,
                  "kt-agent is started by kubectl kt-connect: serve or attach");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 1;
  }
}
