// ShortOfMemory: what ends a turn is queued with memory, and whatever leaves loop() fails the test.
#include "ShortOfMemory.h"

#ifdef TERN_HEAP_CAN_REFUSE

#include <gtest/gtest.h>

#include <new>

namespace tern::testing {

void ShortOfMemory::withMemory(const std::function<void()>& act) {
  const HeapRefusalOff off;
  act();
}

void ShortOfMemory::turns(int count) {
  for (int i = 0; i < count; ++i) {
    withMemory([this] { loop_.queueInLoop([this] { loop_.quit(); }); });
    run();
  }
}

void ShortOfMemory::runFor(Duration time) {
  withMemory([&] { loop_.runAfter(time, [this] { loop_.quit(); }); });
  run();
}

void ShortOfMemory::run() {
  try {
    loop_.loop();
  } catch (const std::bad_alloc&) {
    withMemory([] { ADD_FAILURE() << "std::bad_alloc left loop()"; });
  }
}

}  // namespace tern::testing

#endif
