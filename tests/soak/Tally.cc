// Tally: failures are bounded, since one fault may show itself a million times.
#include "Tally.h"

#include <cstddef>
#include <utility>

namespace tern::soak {
namespace {

constexpr std::size_t kMostTold = 20;

}  // namespace

void Tally::fail(std::string what) {
  ++failed_;
  const std::lock_guard lock(mutex_);
  if (failures_.size() < kMostTold) failures_.push_back(std::move(what));
}

std::vector<std::string> Tally::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

Token liveToken(Tally& tally) {
  ++tally.live;
  return {nullptr, [&tally](void*) { --tally.live; }};
}

}  // namespace tern::soak
