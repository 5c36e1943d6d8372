// ServerProgramFixture: an example server on a poller, for tests that act as its clients.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ServerProcess.h"

namespace tern::testing {

/// A test starts the server, and TearDown() ends it by SIGTERM; it must then exit with 0.
/// The parameter is the poller's name.
class ServerProgramFixture : public ::testing::TestWithParam<std::string> {
 protected:
  void TearDown() override {
    if (server_ != nullptr) end();
  }

  /// On 127.0.0.1 and a port of the kernel's choice.
  void start(const std::string& name, const std::vector<std::string>& more = {},
             const std::function<void()>& beforeExec = {});
  /// What it wrote to stderr.
  std::string end();
  /// The same for a server that was told to end. (A second signal could meet a program that has
  /// stopped to look for any.)
  std::string awaitEnd();

  [[nodiscard]] const SocketAddress& address() const { return server_->address(); }
  [[nodiscard]] Process& process() { return server_->process(); }

 private:
  std::unique_ptr<ServerProcess> server_;
};

#define TERN_ON_EACH_PROGRAM_POLLER(Suite)                                            \
  INSTANTIATE_TEST_SUITE_P(On, Suite, ::testing::Values("poll", "epoll", "io_uring"), \
                           [](const auto& instance) { return instance.param; })

}  // namespace tern::testing
