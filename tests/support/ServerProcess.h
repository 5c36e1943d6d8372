// ServerProcess: an example server, run as a program.
#pragma once

#include <tern/net/SocketAddress.h>

#include <string>

#include "Process.h"

namespace tern::testing {

/// Where the build puts the example of that name.
std::string exampleProgram(const std::string& name);

/// A server that is ready: its ready line has been read.
class ServerProcess {
 public:
  ServerProcess(const std::string& path, const ProcessOptions& options);

  [[nodiscard]] Process& process() { return process_; }
  [[nodiscard]] const SocketAddress& address() const { return address_; }
  [[nodiscard]] const std::string& poller() const { return poller_; }
  [[nodiscard]] const std::string& threads() const { return threads_; }

  /// Waits for the end, and returns the exit status. The output must be the ready line alone.
  int end();

 private:
  Process process_;
  SocketAddress address_;
  std::string poller_;
  std::string threads_;
};

}  // namespace tern::testing
