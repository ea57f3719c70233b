// SPDX-License-Identifier: Apache-2.0
#include "host/tun_interface.h"

#include "base/error.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

namespace kt::host {
namespace {

constexpr const char* device = "/dev/net/tun";

Error cannot_open(int error) {
  const std::string message = fmt::format("open '{}': {}", device, errno_text(error));
  if (error == EACCES || error == EPERM) {
    return {ErrorKind::config, message,
            fmt::format("sudo chmod 0666 {}  (as udev's own rule does)", device)};
  }
  return {ErrorKind::config, message, "sudo modprobe tun; in a container: --device /dev/net/tun"};
}

}  // namespace

UniqueFd create_tun(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) {
    throw Error(ErrorKind::bug, fmt::format("interface name '{}': 1 to 15 characters", name));
  }
  UniqueFd fd(::open(device, O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    throw cannot_open(errno);
  }
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::memcpy(request.ifr_name, name.data(), name.size());
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) {
    const int error = errno;
    throw Error(error == EPERM ? ErrorKind::denied : ErrorKind::config,
                fmt::format("create the TUN '{}': {}", name, errno_text(error)),
                fmt::format("ls -l {}   should be 'crw-rw-rw- … 10, 200'", device));
  }
  return fd;
}

}  // namespace kt::host
