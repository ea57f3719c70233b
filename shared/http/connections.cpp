// SPDX-License-Identifier: Apache-2.0
#include "http/connections.h"

#include "base/error.h"
#include "http/transfer.h"

#include <mutex>

namespace kt::http {
namespace {

void start_libcurl() {
  static std::once_flag once;
  std::call_once(once, [] { (void)curl_global_init(CURL_GLOBAL_DEFAULT); });
}

}  // namespace

Connections::Connections(const io::Executor& executor, std::string socket_path)
    : executor_(executor),
      socket_path_(std::move(socket_path)),
      multi_((start_libcurl(), curl_multi_init())),
      timer_(executor) {
  KT_ASSERT(multi_ != nullptr);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Connections::on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Connections::on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
}

Connections::~Connections() {
  while (!sockets_.empty()) {
    forget(sockets_.begin()->first);
  }
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, nullptr);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, nullptr);
  curl_multi_cleanup(multi_);
}

void Connections::add(CURL* easy) {
  const CURLMcode code = curl_multi_add_handle(multi_, easy);
  KT_ASSERT(code == CURLM_OK);
}

void Connections::remove(CURL* easy) {
  (void)curl_multi_remove_handle(multi_, easy);
}

int Connections::on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) {
  auto* connections = static_cast<Connections*>(self);
  if (what == CURL_POLL_REMOVE) {
    connections->forget(fd);
  } else {
    connections->watch(fd, what);
  }
  return 0;
}

int Connections::on_timer(CURLM*, long milliseconds, void* self) {
  auto* connections = static_cast<Connections*>(self);
  connections->timer_.cancel();
  if (milliseconds < 0) {
    return 0;
  }
  connections->timer_.expires_after(std::chrono::milliseconds(milliseconds));
  connections->timer_.async_wait([owner = connections->weak_from_this()](const io::error_code& ec) {
    if (const auto alive = owner.lock(); alive != nullptr && !ec) {
      alive->act(CURL_SOCKET_TIMEOUT, 0);
    }
  });
  return 0;
}

void Connections::watch(curl_socket_t fd, int wanted) {
  auto& socket = sockets_[fd];
  if (socket == nullptr) {
    socket = std::make_shared<Watched>(executor_, fd);
  }
  socket->wanted = wanted;
  wait_for(socket, fd, CURL_POLL_IN);
  wait_for(socket, fd, CURL_POLL_OUT);
}

void Connections::forget(curl_socket_t fd) {
  const auto found = sockets_.find(fd);
  if (found != sockets_.end()) {
    // Now, not when the last wait lets go: libcurl closes the socket next, and a new one may get
    // its number.
    found->second->closed = true;
    (void)found->second->descriptor.release();
    sockets_.erase(found);
  }
}

void Connections::wait_for(const std::shared_ptr<Watched>& socket, curl_socket_t fd,
                           int direction) {
  bool& pending = direction == CURL_POLL_IN ? socket->reading : socket->writing;
  if (pending || (socket->wanted & direction) == 0) {
    return;
  }
  pending = true;
  const auto kind = direction == CURL_POLL_IN ? io::asio::posix::descriptor_base::wait_read
                                              : io::asio::posix::descriptor_base::wait_write;
  socket->descriptor.async_wait(
      kind, [owner = weak_from_this(), socket, fd, direction](const io::error_code& ec) {
        (direction == CURL_POLL_IN ? socket->reading : socket->writing) = false;
        const auto alive = owner.lock();
        if (alive == nullptr || socket->closed || ec == io::asio::error::operation_aborted) {
          return;
        }
        if ((socket->wanted & direction) != 0) {
          alive->act(fd, direction);
        }
        if (!socket->closed) {
          alive->wait_for(socket, fd, direction);
        }
      });
}

void Connections::act(curl_socket_t fd, int direction) {
  const int events = direction == CURL_POLL_IN    ? CURL_CSELECT_IN
                     : direction == CURL_POLL_OUT ? CURL_CSELECT_OUT
                                                  : 0;
  int running = 0;
  (void)curl_multi_socket_action(multi_, fd, events, &running);
  report_ended();
}

void Connections::report_ended() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg == CURLMSG_DONE) {
      const CURLcode result = message->data.result;
      char* transfer = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
      static_cast<Transfer*>(static_cast<void*>(transfer))->finish(result);
    }
  }
}

}  // namespace kt::http
