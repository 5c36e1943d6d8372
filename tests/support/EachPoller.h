// EachPoller: the pollers that every behaviour is shown on.
#pragma once

#include <gtest/gtest.h>
#include <tern/poller/PollerSpec.h>

#include <ostream>
#include <string>
#include <vector>

namespace tern::testing {

struct PollerCase {
  std::string name;
  PollerSpec spec;

  [[nodiscard]] bool isUring() const { return name.starts_with("io_uring"); }
  /// Two receive buffers of eight bytes: a test that moves megabytes would take minutes.
  [[nodiscard]] bool isTiny() const { return name == "io_uring_tiny"; }
  /// Hang-ups and errors are reported while nobody reads or writes. select() can't.
  [[nodiscard]] bool reportsErrorsWhilePaused() const { return name != "select"; }

  friend std::ostream& operator<<(std::ostream& out, const PollerCase& self) {
    return out << self.name;
  }
};

/// poll, epoll, io_uring, io_uring with tiny geometry (every test meets overflow and empty buffer
/// rings), io_uring with TCP by readiness (the fallback for old kernels), and select, a user's own.
const std::vector<PollerCase>& everyPoller();

/// A suite whose tests run on each of them: TEST_P(Suite, Behaviour), then
/// TERN_ON_EACH_POLLER(Suite).
class OnEachPoller : public ::testing::TestWithParam<PollerCase> {};

#define TERN_ON_EACH_POLLER(Suite)                                                         \
  INSTANTIATE_TEST_SUITE_P(On, Suite, ::testing::ValuesIn(::tern::testing::everyPoller()), \
                           [](const auto& instance) { return instance.param.name; })

}  // namespace tern::testing
