// SPDX-License-Identifier: Apache-2.0
#include "cluster/running_connect.h"

#include "base/error.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace kt::cluster {
namespace {

constexpr int most_of_one_cluster = 64;

// A folder that only we can enter; made when it is not there.
void make_private(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    throw Error(ErrorKind::config, fmt::format("runtime folder '{}': {}", path, errno_text(errno)),
                "set XDG_RUNTIME_DIR to a folder that only you can write to");
  }
  struct stat info {};
  check_errno(::lstat(path.c_str(), &info), "runtime folder");
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::getuid() || (info.st_mode & 0077) != 0) {
    throw Error(ErrorKind::config,
                fmt::format("runtime folder '{}': it is not yours alone (want 0700)", path),
                fmt::format("rm -r {}", path));
  }
}

UniqueFd try_lock(const std::string& folder) {
  UniqueFd lock(
      ::open((folder + "/lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    lock.reset();
  }
  return lock;
}

void sweep(const std::string& folder) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (entry.path().filename() != "lock") {
      std::filesystem::remove_all(entry.path(), ignored);
    }
  }
}

}  // namespace

RunningConnect RunningConnect::claim(const std::string& runtime_folder,
                                     const std::string& connection_id) {
  const std::string all = runtime_folder + "/kt";
  make_private(all);
  for (int n = 1; n <= most_of_one_cluster; ++n) {
    const std::string suffix = n == 1 ? "" : fmt::format("-{}", n);
    const std::string folder = fmt::format("{}/{}{}", all, connection_id, suffix);
    make_private(folder);
    UniqueFd lock = try_lock(folder);
    if (lock) {
      sweep(folder);
      return {folder, std::move(lock)};
    }
  }
  throw Error(ErrorKind::conflict, "64 connects to this cluster run already");
}

RunningConnect::~RunningConnect() {
  if (lock_) {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
}

}  // namespace kt::cluster
