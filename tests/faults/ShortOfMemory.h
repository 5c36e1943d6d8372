// ShortOfMemory: a loop on the test's own thread, whose turns run while the heap refuses.
#pragma once

#include <tern/net/EventLoop.h>

#include <functional>

#include "support/EachPoller.h"
#include "support/LogCapture.h"
#include "unit/Heap.h"

#ifdef TERN_HEAP_CAN_REFUSE

namespace tern::testing {

class ShortOfMemory : public OnEachPoller {
 protected:
  /// For what the test does itself while the heap refuses.
  static void withMemory(const std::function<void()>& act);

  /// A few turns, none of which waits.
  void turns(int count);
  /// As many turns as there are in so long: for timers that are due by then.
  void runFor(Duration time);

  const LogCapture log_;
  EventLoop loop_{GetParam().spec};

 private:
  void run();
};

}  // namespace tern::testing

#endif
