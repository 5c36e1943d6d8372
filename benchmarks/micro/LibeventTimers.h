// LibeventTimers: libevent's timers, which a min-heap keeps, with the surface of the others.
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>
#include <tern/base/Clock.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace tern::bench {

/// The events lie in memory that is reused, as in a program that embeds them in objects of its own:
/// neither adding nor cancelling allocates.
class LibeventTimers {
 public:
  using Callback = std::function<void()>;
  using Id = std::uint32_t;

  explicit LibeventTimers(std::size_t capacity);
  LibeventTimers(const LibeventTimers&) = delete;
  LibeventTimers& operator=(const LibeventTimers&) = delete;
  ~LibeventTimers();

  Id runAt(Timestamp when, Callback callback);
  void cancel(Id id);
  /// Runs what is due.
  void expire();

 private:
  struct Timer {
    ::event node;
    Callback callback;
    LibeventTimers* queue;
    Id id;
  };

  event_base* base_;
  std::vector<Timer> timers_;
  std::vector<Id> free_;
};

}  // namespace tern::bench
