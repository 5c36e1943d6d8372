// Poller: the channel table that makes stale events harmless, and the default streams.
#include "tern/poller/Poller.h"

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
  returned_ = false;
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
        markReturn();
        ++events;
        channel->handle(deferred.events);
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

std::unique_ptr<char[]> Poller::makeBlock(std::size_t bytes) {
  // Not value-initialised: pages that are never received into cost no memory.
  return std::unique_ptr<char[]>(new char[bytes]);
}

void Poller::noteReturn() noexcept {
  returned_ = true;
  returnTime_ = Clock::now();
}

}  // namespace tern
