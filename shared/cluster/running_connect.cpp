// SPDX-License-Identifier: Apache-2.0
#include "cluster/running_connect.h"

#include "base/error.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

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

struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

UniqueFd try_lock(const std::string& folder) {
  UniqueFd file(
      ::open((folder + "/lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct flock lock = whole_file();
  if (file && ::fcntl(file.get(), F_OFD_SETLK, &lock) != 0) {
    file.reset();
  }
  return file;
}

bool is_locked(const std::string& folder) {
  const UniqueFd file(::open((folder + "/lock").c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  struct flock lock = whole_file();
  return file && ::fcntl(file.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
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

void RunningConnect::write_status(std::string_view text) const noexcept {
  const std::string file = folder_ + "/status.json";
  const std::string fresh = file + ".new";
  const UniqueFd out(
      ::open(fresh.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (out && ::write(out.get(), text.data(), text.size()) == std::ssize(text)) {
    (void)::rename(fresh.c_str(), file.c_str());
  }
}

std::vector<std::string> running_connects(const std::string& runtime_folder) {
  std::vector<std::string> folders;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(runtime_folder + "/kt", none)) {
    const std::string folder = entry.path().string();
    struct stat info {};
    if (::lstat(folder.c_str(), &info) == 0 && info.st_uid == ::getuid() && is_locked(folder)) {
      folders.push_back(folder);
    }
  }
  std::ranges::sort(folders);
  return folders;
}

std::string read_status(const std::string& folder) {
  std::ifstream file(folder + "/status.json");
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace kt::cluster
