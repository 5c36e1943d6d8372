// Outcome: the command line goes in as text, as from a shell.
#include "Outcome.h"

#include <gtest/gtest.h>

#include <sstream>

#include "Tool.h"

namespace tern::load {

Outcome run(const std::vector<std::string>& arguments) {
  std::vector<const char*> pointers{"tern-load"};
  for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
  std::ostringstream out;
  std::ostringstream err;
  const int status = runTool(static_cast<int>(pointers.size()), pointers.data(), out, err);
  return {status, out.str(), err.str()};
}

Outcome runAgainst(const std::string& address, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--connect", address, "--seconds", "0.1", "--warmup", "0.02",
                                       "--timeout", "10", "--json", "-"});
  return run(arguments);
}

void expectClean(const Outcome& outcome) {
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.document()["errors"], 0);
  EXPECT_EQ(outcome.document()["unanswered"], 0);
  EXPECT_GT(outcome.document()["requests"], 0);
}

}  // namespace tern::load
