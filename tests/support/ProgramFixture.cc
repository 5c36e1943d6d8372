// ProgramFixture: one process after the other.
#include "ProgramFixture.h"

#include <algorithm>

#include "ServerProcess.h"

namespace tern::testing {

int ProgramFixture::run(const std::string& program, const ProcessOptions& options) {
  program_ = program;
  Process process(exampleProgram(program), options);
  return endOf(process);
}

int ProgramFixture::endOf(Process& process) {
  const int status = process.wait();
  output_ = process.output();
  errors_ = process.errors();
  return status;
}

void ProgramFixture::expectSentence(const std::string& naming) const {
  EXPECT_TRUE(errors_.starts_with(program_ + ": ")) << errors_;
  EXPECT_NE(errors_.find(naming), std::string::npos) << errors_;
  EXPECT_EQ(std::count(errors_.begin(), errors_.end(), '\n'), 1) << errors_;
  EXPECT_TRUE(errors_.ends_with('\n')) << errors_;
}

void ProgramFixture::expectRefusal(const std::string& naming) const {
  EXPECT_EQ(output_, "");
  expectSentence(naming);
}

}  // namespace tern::testing
