// Poller: the channel table that makes stale events harmless, and the default streams.
#include "tern/poller/Poller.h"

#include <algorithm>

#include "ReadinessListener.h"
#include "ReadinessStream.h"

namespace tern {
Poller::~Poller() = default;

StreamPtr Poller::openStream(UniqueFd fd, StreamHandler& handler) {
  return StreamPtr(new ReadinessStream(*this, std::move(fd), handler));
}

std::unique_ptr<Listener> Poller::openListener(UniqueFd fd, ListenerHandler& handler) {
  return std::make_unique<ReadinessListener>(*this, std::move(fd), handler);
}

int Poller::runOnce(Duration timeout) {
  returned_ = quick_ = false;
  int events = poll(deferred_.empty() ? timeout : Duration::zero());
  if (!deferred_.empty()) {
    // What these callbacks defer belongs to the next turn. When one throws, the rest is put back.
    std::vector<Deferred> batch;
    batch.swap(deferred_);
    std::size_t next = 0;
    try {
      while (next < batch.size()) {
        const Deferred deferred = batch[next++];
        Channel* channel = find(deferred.channel);
        if (channel == nullptr) continue;
        ++events;
        deliver(*channel, deferred.events);
      }
    } catch (...) {
      deferred_.insert(deferred_.begin(), batch.begin() + static_cast<std::ptrdiff_t>(next),
                       batch.end());
      throw;
    }
  }
  return events;
}

void Poller::defer(SlotId channel, EventMask events) { deferred_.push_back({channel, events}); }

std::span<char> Poller::bulkRoom(StreamHandler& handler, std::size_t most) {
  most = std::min(most, bulk_.next(counters_.receives.value()));
  std::span<char> room = handler.receiveRoom(most);
  if (room.empty()) room = bulk_.block();
  if (room.empty()) room = receiveBlock();
  return room.first(std::min(room.size(), most));
}

void Poller::noteReturn() noexcept {
  if (!returned_) returnTime_ = Clock::now();
  returned_ = true;
  quick_ = observer_ == nullptr;
}

void Poller::deliver(Channel& channel, EventMask events) {
  noteReturn();
  if (observer_ == nullptr) {
    channel.handle(events);
    return;
  }
  // The handler may take the observer back.
  struct Observed {
    DispatchObserver& observer;
    Observed(DispatchObserver& o, int fd) noexcept : observer(o) { observer.beforeHandler(fd); }
    ~Observed() { observer.afterHandler(); }
  };
  const Observed observed(*observer_, channel.fd());
  channel.handle(events);
}

}  // namespace tern
