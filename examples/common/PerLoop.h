// PerLoop: an object of which each loop has one.
#pragma once

#include <tern/net/EventLoop.h>

#include <any>
#include <memory>

namespace tern::examples {

/// The loop's T, made at the first call. It is kept in the loop's context, and so ends with the
/// loop; a loop can have one such T. The loop's thread.
template <class T>
T& perLoop(EventLoop& loop) {
  using Held = std::shared_ptr<T>;
  if (!loop.getContext().has_value()) loop.setContext(Held(std::make_shared<T>(loop)));
  return *std::any_cast<const Held&>(loop.getContext());
}

}  // namespace tern::examples
