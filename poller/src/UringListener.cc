// UringListener: multishot accept, its pauses, and what arrives during them.
#include "UringListener.h"

#include <sys/socket.h>

#include <cerrno>
#include <deque>
#include <new>
#include <utility>

#include "FdMode.h"
#include "UringPoller.h"
#include "tern/base/Error.h"

namespace tern {
namespace {

class ListenerSource final : public UringSource {
 public:
  ListenerSource(UringPoller& poller, UniqueFd fd, ListenerHandler& handler)
      : poller_(poller), handler_(&handler), fd_(std::move(fd)) {}

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

  void pause();
  void resume();
  void leave() { poller_.abandon(*this); }

  void onCompletion(UringKind kind, UringCompletion completion) override;
  void deliverKept() override;
  void abandon() override;

 private:
  void arm();
  void deferDelivery();
  void onAccepted(UringCompletion completion);
  void keep(UniqueFd accepted);

  UringPoller& poller_;
  ListenerHandler* handler_;  // null once the user's Listener is gone
  UniqueFd fd_;
  std::deque<UniqueFd> kept_;  // accepted while paused
  bool paused_ = true;
  bool armed_ = false;
  bool cancelled_ = false;
  bool deliveryDeferred_ = false;
};

void ListenerSource::arm() {
  if (handler_ == nullptr || paused_ || armed_) return;
  // No address: one buffer shared by all accepts would be overwritten. Whoever wants it asks
  // getpeername().
  poller_.request(*this, UringKind::kAccept, [this](io_uring_sqe* sqe) {
    io_uring_prep_multishot_accept(sqe, fd_.get(), nullptr, nullptr, SOCK_CLOEXEC);
  });
  armed_ = true;
}

void ListenerSource::pause() {
  paused_ = true;
  if (!armed_ || cancelled_) return;
  poller_.cancel(*this, UringKind::kAccept);
  cancelled_ = true;
}

void ListenerSource::resume() {
  paused_ = false;
  deferDelivery();
  arm();
}

void ListenerSource::onCompletion(UringKind kind, UringCompletion completion) {
  if (kind != UringKind::kAccept) return;
  try {
    onAccepted(completion);
  } catch (...) {
    arm();
    throw;
  }
  arm();
}

void ListenerSource::onAccepted(UringCompletion completion) {
  ++poller_.counters().accepts;
  if (!completion.more()) armed_ = cancelled_ = false;
  if (completion.result >= 0) {
    UniqueFd accepted(completion.result);  // closed here when nobody wants it any more
    if (handler_ != nullptr && paused_) {
      keep(std::move(accepted));
    } else if (handler_ != nullptr) {
      handler_->onAccept(std::move(accepted));
    }
  } else if (handler_ != nullptr && completion.result != -ECANCELED &&
             completion.result != -EINTR) {
    handler_->onAcceptError(systemError(-completion.result));
  }
}

void ListenerSource::keep(UniqueFd accepted) {
  try {
    kept_.push_back(std::move(accepted));
  } catch (const std::bad_alloc&) {
    handler_->onAcceptError(systemError(ENOMEM));
  }
}

// One at a time, and the next one deferred beforehand: the handler may throw.
void ListenerSource::deliverKept() {
  deliveryDeferred_ = false;
  if (handler_ == nullptr || paused_ || kept_.empty()) return;
  UniqueFd accepted = std::move(kept_.front());
  kept_.pop_front();
  deferDelivery();
  handler_->onAccept(std::move(accepted));
}

void ListenerSource::deferDelivery() {
  if (kept_.empty() || deliveryDeferred_) return;
  poller_.deferDelivery(*this);
  deliveryDeferred_ = true;
}

void ListenerSource::abandon() {
  handler_ = nullptr;
  kept_.clear();
  if (armed_ && !cancelled_) poller_.cancel(*this, UringKind::kAccept);
  if (!armed_) return;
  // Until the kernel has dropped the accept, the port stays taken: a server that takes the place of
  // this one must not fail. Not closed while a request that names the fd waits to be submitted.
  if (poller_.flushed()) fd_.reset();
}

// What the user holds; the source lives on until the kernel is done with it.
class UringListener final : public Listener {
 public:
  ~UringListener() override {
    if (source_ != nullptr) source_->leave();
  }

  void attach(ListenerSource& source) noexcept { source_ = &source; }
  void pause() override { source_->pause(); }
  void resume() override { source_->resume(); }
  [[nodiscard]] int fd() const noexcept override { return source_->fd(); }

 private:
  ListenerSource* source_ = nullptr;
};

}  // namespace

std::unique_ptr<Listener> openUringListener(UringPoller& poller, UniqueFd fd,
                                            ListenerHandler& handler) {
  setNonBlocking(fd.get(), false);
  auto source = std::make_unique<ListenerSource>(poller, std::move(fd), handler);
  ListenerSource& stays = *source;
  auto listener = std::make_unique<UringListener>();
  poller.add(std::move(source));
  listener->attach(stays);
  listener->resume();
  return listener;
}

}  // namespace tern
