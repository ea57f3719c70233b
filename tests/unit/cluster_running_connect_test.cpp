// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "cluster/running_connect.h"
#include "support/catch.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

using namespace kt;
using cluster::RunningConnect;

namespace {

struct Folder {
  Folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path = "/tmp/kt-running-XXXXXX";
};

}  // namespace

TEST_CASE("a running connect is found while it lives, and its folder goes with it") {
  const Folder folder;
  CHECK(cluster::running_connects(folder.path).empty());
  {
    const RunningConnect running = RunningConnect::claim(folder.path, "c0");
    CHECK(cluster::running_connects(folder.path) == std::vector{running.folder()});
    running.write_status("{\"a\": 1}");
    running.write_status("{}");
    CHECK(cluster::read_status(running.folder()) == "{}");
  }
  CHECK(cluster::running_connects(folder.path).empty());
  CHECK_FALSE(std::filesystem::exists(folder.path + "/kt/c0"));
}

TEST_CASE("a second connect to the same cluster has a folder of its own") {
  const Folder folder;
  const RunningConnect first = RunningConnect::claim(folder.path, "c0");
  const RunningConnect second = RunningConnect::claim(folder.path, "c0");
  CHECK(first.folder() != second.folder());
  CHECK(cluster::running_connects(folder.path).size() == 2);
}

TEST_CASE("what a crash left is no running connect, and is swept by the next claim") {
  const Folder folder;
  const std::string left = folder.path + "/kt/c0";
  std::filesystem::create_directories(left);
  for (const std::string& path : {folder.path + "/kt", left}) {
    ::chmod(path.c_str(), 0700);
  }
  std::ofstream(left + "/lock") << "";
  std::ofstream(left + "/status.json") << "{}";
  CHECK(cluster::running_connects(folder.path).empty());
  const RunningConnect running = RunningConnect::claim(folder.path, "c0");
  CHECK(running.folder() == left);
  CHECK(cluster::read_status(left).empty());
}

TEST_CASE("a runtime folder that others may enter is refused") {
  const Folder folder;
  std::filesystem::create_directories(folder.path + "/kt");
  ::chmod((folder.path + "/kt").c_str(), 0755);
  CHECK_THROWS_AS(RunningConnect::claim(folder.path, "c0"), Error);
}
