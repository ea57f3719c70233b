// SPDX-License-Identifier: Apache-2.0
#include "host/namespaces.h"

#include "base/bytes.h"
#include "base/error.h"
#include "host/descriptor_passing.h"
#include "host/namespace_child.h"
#include "host/network_members.h"
#include "io/readiness.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

namespace kt::host {
namespace {

// The kernel makes a network namespace in milliseconds, but one at a time with all that it tears
// down.
constexpr std::chrono::seconds prepare_limit{30};

constexpr int not_found = 127;
constexpr int not_executable = 126;

// By number: glibc has had wrappers since 2.36 only, and those without C linkage.
int pidfd_open(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

Error failure_in(ByteReader reader) {
  const auto kind = static_cast<ErrorKind>(reader.u8());
  const std::string text = to_string(reader.rest());
  const std::size_t end = std::min(text.find('\0'), text.size());
  return {kind, text.substr(0, end), end < text.size() ? text.substr(end + 1) : ""};
}

// An empty one when there is none.
PassedMessage take_message(int channel) {
  auto message = receive_message(channel);
  return message ? std::move(*message) : PassedMessage{};
}

int exit_code_of(const siginfo_t& info) {
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

struct Channel {
  UniqueFd ours;
  UniqueFd childs;
};

Channel make_channel() {
  std::array<int, 2> ends{-1, -1};
  check_errno(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()),
              "open a socket pair");
  Channel channel{UniqueFd(ends[0]), UniqueFd(ends[1])};
  check_errno(::fcntl(channel.ours.get(), F_SETFL, O_NONBLOCK), "open a socket pair");
  return channel;
}

}  // namespace

NamespacedCommand::NamespacedCommand(pid_t pid, Descriptor process, Descriptor channel,
                                     std::string name)
    : pid_(pid),
      process_(std::move(process)),
      channel_(std::move(channel)),
      name_(std::move(name)),
      dialled_(std::make_unique<io::Event>(channel_.get_executor())) {}

NamespacedCommand::NamespacedCommand(NamespacedCommand&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      process_(std::move(other.process_)),
      channel_(std::move(other.channel_)),
      name_(std::move(other.name_)),
      exec_error_(other.exec_error_),
      dialled_(std::move(other.dialled_)),
      network_namespace_(std::move(other.network_namespace_)),
      tun_(std::move(other.tun_)),
      listener_v4_(std::move(other.listener_v4_)),
      listener_v6_(std::move(other.listener_v6_)),
      diagnosis_(std::move(other.diagnosis_)) {}

NamespacedCommand::~NamespacedCommand() {
  end_everything();
}

// The keeper would do it too, but only we can wait for it.
void NamespacedCommand::end_everything() noexcept {
  if (pid_ <= 0) {
    return;
  }
  (void)::kill(pid_, SIGKILL);
  (void)::waitpid(pid_, nullptr, 0);
  pid_ = 0;
  if (!network_namespace_.empty()) {
    kill_members(network_namespace_);
  }
}

io::Task<NamespacedCommand> NamespacedCommand::prepare(CaptureSpec spec) {
  KT_ASSERT(!spec.command.argv.empty());
  const io::Executor executor = co_await io::asio::this_coro::executor;
  Channel channel = make_channel();
  const pid_t pid = check_errno(::fork(), "fork");
  if (pid == 0) {
    channel.ours.reset();
    run_child(spec, std::move(channel.childs));
  }
  channel.childs.reset();
  NamespacedCommand command(pid, Descriptor(executor), Descriptor(executor, channel.ours.release()),
                            spec.command.argv.front());
  command.process_.assign(check_errno(pidfd_open(pid), "pidfd_open"));
  co_await io::with_timeout(prepare_limit, "create the namespaces", command.receive_descriptors());
  co_return command;
}

io::Task<> NamespacedCommand::receive_descriptors() {
  co_await io::until_readable(channel_);
  PassedMessage message = take_message(channel_.native_handle());
  ByteReader reader(message.bytes);
  const auto kind = static_cast<ChildMessage>(reader.u8());
  if (kind == ChildMessage::failed) {
    throw failure_in(reader);
  }
  if (kind != ChildMessage::ready || message.descriptors.size() < 3) {
    throw Error(ErrorKind::unavailable, "create the namespaces: the child died");
  }
  network_namespace_ = network_namespace_of(pid_);
  tun_ = std::move(message.descriptors[0]);
  listener_v4_ = std::move(message.descriptors[1]);
  diagnosis_ = std::move(message.descriptors[2]);
  if (message.descriptors.size() > 3) {
    listener_v6_ = std::move(message.descriptors[3]);
  }
}

io::Task<CommandEnd> NamespacedCommand::run() {
  const auto go = static_cast<std::byte>(ParentMessage::go);
  send_message(channel_.native_handle(), BytesView(&go, 1), {});
  const int code = co_await wait_for_exit();
  take_exec_error();
  if (!exec_error_) {
    co_return CommandEnd{code, std::nullopt};
  }
  const int error = *exec_error_;
  co_return CommandEnd{error == ENOENT || error == ENOTDIR ? not_found : not_executable,
                       fmt::format("'{}': {}", name_, errno_text(error))};
}

// What the keeper has said before its end.
void NamespacedCommand::take_exec_error() {
  while (!exec_error_) {
    const PassedMessage message = take_message(channel_.native_handle());
    ByteReader reader(message.bytes);
    if (message.bytes.empty()) {
      return;
    }
    if (static_cast<ChildMessage>(reader.u8()) == ChildMessage::exec_failed) {
      exec_error_ = static_cast<int>(reader.u32());
    }
  }
}

io::Task<NamespacedCommand::Dialled> NamespacedCommand::dial_inside(bool v6, std::uint16_t port) {
  while (dialling_) {
    co_await dialled_->wait();
  }
  struct Turn {
    explicit Turn(NamespacedCommand& command) : self(command) { self.dialling_ = true; }
    ~Turn() {
      self.dialling_ = false;
      self.dialled_->notify();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    NamespacedCommand& self;
  };
  const Turn turn(*this);
  Bytes message;
  ByteWriter writer(message);
  writer.u8(static_cast<std::uint8_t>(ParentMessage::dial));
  writer.u8(v6 ? 6 : 4);
  writer.u16(port);
  writer.u32(++dials_);
  send_message(channel_.native_handle(), message, {});
  co_return co_await dialled(dials_);
}

// What was asked before by somebody who waits no longer is dropped.
io::Task<NamespacedCommand::Dialled> NamespacedCommand::dialled(std::uint32_t tag) {
  while (!exec_error_) {
    co_await io::until_readable(channel_);
    PassedMessage message = take_message(channel_.native_handle());
    ByteReader reader(message.bytes);
    if (message.bytes.empty()) {
      break;  // the keeper has ended
    }
    const auto kind = static_cast<ChildMessage>(reader.u8());
    const auto error = static_cast<int>(reader.u32());
    if (kind == ChildMessage::exec_failed) {
      exec_error_ = error;
    } else if (kind == ChildMessage::dialled && reader.u32() == tag) {
      UniqueFd socket =
          message.descriptors.empty() ? UniqueFd() : std::move(message.descriptors.front());
      co_return Dialled{std::move(socket), error};
    }
  }
  co_return Dialled{{}, ECONNREFUSED};
}

io::Task<int> NamespacedCommand::wait_for_exit() {
  co_await io::until_readable(process_);
  siginfo_t info{};
  check_errno(::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED), "wait for the command");
  pid_ = 0;
  if (info.si_code != CLD_EXITED) {
    kill_members(network_namespace_);  // the keeper was killed
  }
  co_return exit_code_of(info);
}

void NamespacedCommand::send_signal(int signal) noexcept {
  const std::array<unsigned char, 2> message{static_cast<unsigned char>(ParentMessage::signal),
                                             static_cast<unsigned char>(signal)};
  (void)::send(channel_.native_handle(), message.data(), message.size(), MSG_NOSIGNAL);
}

}  // namespace kt::host
