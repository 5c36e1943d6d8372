// ProgramFixture: example programs that end by themselves, and what they said.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "Process.h"

namespace tern::testing {

class ProgramFixture : public ::testing::Test {
 protected:
  /// Runs the example of that name, in the expectation that it ends; its exit status.
  int run(const std::string& program, const ProcessOptions& options);
  /// The same for one that the test has started, from the wait for its end on.
  int endOf(Process& process);

  /// The last one has said one sentence on stderr, with its name in front, which names the trouble.
  void expectSentence(const std::string& naming) const;
  /// And nothing on stdout.
  void expectRefusal(const std::string& naming) const;

  std::string output_;
  std::string errors_;

 private:
  std::string program_;
};

}  // namespace tern::testing
