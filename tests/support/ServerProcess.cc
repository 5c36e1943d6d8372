// ServerProcess: the ready line, understood.
#include "ServerProcess.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <stdexcept>

namespace tern::testing {

std::string exampleProgram(const std::string& name) { return TERN_EXAMPLES "/" + name; }

ServerProcess::ServerProcess(const std::string& path, const ProcessOptions& options)
    : process_(path, options) {
  const std::string line = process_.readLine();
  static const std::regex form(
      R"(listening on (127\.0\.0\.1|\[::1\]):([0-9]+) \(poller ([a-z_]+), threads ([0-9]+)\))");
  std::smatch match;
  if (!std::regex_match(line, match, form)) throw std::runtime_error("not a ready line: " + line);
  address_ = SocketAddress::parse(match[1].str() + ':' + match[2].str());
  poller_ = match[3];
  threads_ = match[4];
}

int ServerProcess::end() {
  const int status = process_.wait();
  EXPECT_EQ(std::count(process_.output().begin(), process_.output().end(), '\n'), 1)
      << process_.output();
  return status;
}

}  // namespace tern::testing
