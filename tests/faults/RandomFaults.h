// RandomFaults: what the kernel might do to any call, at random, and which of it ends a connection.
#pragma once

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <utility>

#include "support/faults/Faults.h"
#include "unit/Randomness.h"

namespace tern::testing {

/// An answering function for Faults. What it refers to must outlive that.
class RandomFaults {
 public:
  /// Called with the descriptor of each call whose failure may end its connection; it does not
  /// fail when this says false.
  using Fatal = std::function<bool(int fd)>;

  /// Called when an accept fails for want of something: who waits may be turned away.
  using Shortage = std::function<void()>;

  RandomFaults(Randomness& random, Fatal fatal, Shortage shortage)
      : random_(random), fatal_(std::move(fatal)), shortage_(std::move(shortage)) {}

  /// One call in so many gets a fault; 0: none does.
  void setRate(std::size_t oneIn) { oneIn_ = oneIn; }

  Answer operator()(const Asked& asked);

 private:
  struct Errors {
    std::initializer_list<int> passing;  ///< the library gets over them
    // NOLINTNEXTLINE(readability-redundant-member-init): so that it may be left out
    std::initializer_list<int> fatal = {};
  };

  Answer decide(const Asked& asked);
  Answer fail(const Asked& asked, const Errors& errors);
  Answer failOrShorten(const Asked& asked, const Errors& errors);
  Answer failToAccept(const Asked& asked);
  Answer ofRequest(const Asked& asked);
  int oneOf(std::initializer_list<int> errors);

  Randomness& random_;
  Fatal fatal_;
  Shortage shortage_;
  std::size_t oneIn_ = 0;
};

}  // namespace tern::testing
