// Fleet: every call of a client's is made on its loop, but for the end.
#include "Fleet.h"

#include <tern/net/EventLoop.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "support/ServerFixture.h"

namespace tern::soak {

Fleet::Fleet(EventLoop& loop, const SocketAddress& server, std::size_t size, Tally& tally,
             testing::Randomness& random)
    : loop_(loop), server_(server), tally_(tally), random_(random) {
  for (std::size_t i = 0; i < size; ++i) callers_.push_back(make());
}

Fleet::~Fleet() {
  for (auto& caller : callers_) remove(caller);
}

std::unique_ptr<Caller> Fleet::make() {
  const auto seed = static_cast<std::uint32_t>(random_.bits());
  return std::make_unique<Caller>(loop_, server_, tally_, seed);
}

void Fleet::remove(std::unique_ptr<Caller>& caller) {
  testing::runOn(loop_, [&] { caller->retire(); });
  caller.reset();
}

void Fleet::go() {
  testing::runOn(loop_, [&] {
    for (auto& caller : callers_) caller->go();
  });
}

void Fleet::rest() {
  testing::runOn(loop_, [&] {
    for (auto& caller : callers_) caller->rest();
  });
  std::string state;
  const bool all = testing::eventually([&] {
    return testing::runOn(loop_, [&] {
      return std::all_of(callers_.begin(), callers_.end(), [&](const auto& caller) {
        if (!caller->resting()) state = caller->state();
        return caller->resting();
      });
    });
  });
  if (!all) throw std::runtime_error("a client does not come to its end: " + state);
}

void Fleet::replaceOne() {
  auto& caller = callers_[random_.upTo(callers_.size() - 1)];
  remove(caller);
  caller = make();
  testing::runOn(loop_, [&] { caller->go(); });
}

}  // namespace tern::soak
