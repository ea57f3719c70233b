// SPDX-License-Identifier: Apache-2.0
#include "host/resolver_mounts.h"

#include "base/error.h"

#include <fmt/format.h>

#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <system_error>

namespace kt::host {
namespace {

namespace fs = std::filesystem;

// Our files are written to a tmpfs that lies here for a moment and is bound to where they belong.
const fs::path stage = "/tmp";

[[noreturn]] void fail(const std::string& doing, int error) {
  throw Error(ErrorKind::config, fmt::format("{}: {}", doing, errno_text(error)));
}

void mount_or_throw(const char* source, const fs::path& target, const char* type,
                    unsigned long flags, const char* data = nullptr) {
  if (::mount(source, target.c_str(), type, flags, data) != 0) {
    fail(fmt::format("mount over '{}'", target.string()), errno);
  }
}

void bind(const fs::path& source, const fs::path& target) {
  mount_or_throw(source.c_str(), target, nullptr, MS_BIND);
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Readable by all whatever the umask is: CMD may change its user.
void write_file(const fs::path& path, std::string_view text) {
  std::ofstream file(path);
  file << text << std::flush;
  if (!file || ::chmod(path.c_str(), 0644) != 0) {
    fail(fmt::format("write '{}'", path.string()), errno);
  }
}

void make_directory(const fs::path& path) {
  if (::mkdir(path.c_str(), 0755) != 0 || ::chmod(path.c_str(), 0755) != 0) {
    fail(fmt::format("make '{}'", path.string()), errno);
  }
}

// With all links followed; a link that leads nowhere gives where the file would be. Empty when
// there is no file and no folder for one.
fs::path real_path(fs::path path) {
  constexpr int most_links = 40;  // as the kernel's MAXSYMLINKS
  std::error_code ec;
  for (int i = 0; i < most_links && fs::is_symlink(path, ec); ++i) {
    path = path.parent_path() / fs::read_symlink(path, ec);
  }
  const fs::path folder = fs::canonical(path.parent_path(), ec);
  return ec ? fs::path() : folder / path.filename();
}

// systemd-resolved and NetworkManager replace their file by rename whenever the network changes,
// which would undo a mount over the file; so their whole folder is replaced.
bool belongs_to_daemon(const fs::path& file) {
  return file.string().starts_with("/run/") || !fs::exists(file);
}

void mount_resolv_conf(const std::string& text) {
  const fs::path target = real_path("/etc/resolv.conf");
  if (target.empty() || (target.parent_path() == "/etc" && !fs::exists(target))) {
    throw Error(ErrorKind::config, "'/etc/resolv.conf': there is none to replace",
                "sudo touch /etc/resolv.conf");
  }
  if (!belongs_to_daemon(target)) {
    write_file(stage / "resolv.conf", text);
    bind(stage / "resolv.conf", target);
    return;
  }
  make_directory(stage / "resolv");
  write_file(stage / "resolv" / target.filename(), text);
  bind(stage / "resolv", target.parent_path());
}

void mount_file(const fs::path& target, std::string_view text) {
  const fs::path copy = stage / target.filename();
  write_file(copy, text);
  bind(copy, target);
}

// Folders of sockets that answer for names. /var/run is mostly a link to /run: mask each once.
void hide_name_daemons() {
  make_directory(stage / "empty");
  std::set<fs::path> hidden;
  for (const char* name : {"/run/systemd/resolve", "/run/nscd", "/var/run/nscd",
                           "/run/avahi-daemon", "/var/run/avahi-daemon"}) {
    std::error_code ec;
    const fs::path folder = fs::canonical(name, ec);
    if (!ec && hidden.insert(folder).second) {
      bind(stage / "empty", folder);
    }
  }
}

}  // namespace

std::string nsswitch_with_dns(std::string_view text) {
  // nss-myhostname only knows this machine's own name, which few have in /etc/hosts.
  constexpr std::string_view hosts = "hosts: files myhostname dns\n";
  std::string result;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find_first_not_of(" \t");
    if (first == std::string::npos || !std::string_view(line).substr(first).starts_with("hosts:")) {
      result += line + '\n';
    }
  }
  return result.append(hosts);
}

void mount_resolver(const CaptureResolver& resolver) {
  mount_or_throw(nullptr, "/", nullptr, MS_REC | MS_SLAVE);
  const std::string hosts = read_file("/etc/hosts") + "\n" + resolver.extra_hosts;
  mount_or_throw("kt", stage, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4m,mode=0755");
  hide_name_daemons();
  mount_resolv_conf(resolver.resolv_conf);
  if (fs::exists("/etc/nsswitch.conf")) {
    mount_file("/etc/nsswitch.conf", nsswitch_with_dns(read_file("/etc/nsswitch.conf")));
  }
  if (!resolver.extra_hosts.empty() && fs::exists("/etc/hosts")) {
    mount_file("/etc/hosts", hosts);
  }
  if (::umount2(stage.c_str(), MNT_DETACH) != 0) {
    fail(fmt::format("unmount '{}'", stage.string()), errno);
  }
}

}  // namespace kt::host
