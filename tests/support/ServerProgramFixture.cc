// ServerProgramFixture: start, and an orderly end.
#include "ServerProgramFixture.h"

#include <csignal>

namespace tern::testing {

void ServerProgramFixture::start(const std::string& name, const std::vector<std::string>& more,
                                 const std::function<void()>& beforeExec) {
  std::vector<std::string> arguments{"--listen", "127.0.0.1:0", "--poller", GetParam()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  server_ = std::make_unique<ServerProcess>(exampleProgram(name),
                                            ProcessOptions{arguments, {}, beforeExec});
  EXPECT_EQ(server_->poller(), GetParam());
}

std::string ServerProgramFixture::end() {
  server_->process().signal(SIGTERM);
  return awaitEnd();
}

std::string ServerProgramFixture::awaitEnd() {
  EXPECT_EQ(server_->end(), 0);
  const std::string errors = server_->process().errors();
  server_.reset();
  return errors;
}

}  // namespace tern::testing
