// Error: errno becomes an error_code or an exception that explains itself; a broken contract aborts
// with its sentence.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tern/base/Error.h>
#include <tern/base/Logging.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <system_error>

namespace tern {
namespace {

using ::testing::HasSubstr;
using ::testing::KilledBySignal;

TEST(Error, AnErrnoIsAnErrorCodeOfTheSystem) {
  const std::error_code code = systemError(ECONNRESET);
  EXPECT_EQ(code.value(), ECONNRESET);
  EXPECT_EQ(code.category(), std::system_category());
  EXPECT_EQ(code, std::errc::connection_reset);
  EXPECT_FALSE(systemError(0));
}

TEST(Error, ThrowSystemErrorSaysWhatWasTriedAndWhatTheSystemSaid) {
  try {
    throwSystemError(EADDRINUSE, "bind() to 127.0.0.1:80");
    FAIL() << "it returned";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::address_in_use);
    EXPECT_THAT(error.what(), HasSubstr("bind() to 127.0.0.1:80"));
    EXPECT_THAT(error.what(), HasSubstr(systemError(EADDRINUSE).message()));
  }
}

TEST(ErrorDeathTest, ABrokenContractAbortsWithItsSentence) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(contractViolation("two loops in one thread"), KilledBySignal(SIGABRT),
              "tern error: two loops in one thread");
}

TEST(ErrorDeathTest, ABrokenContractIsReportedThroughTheHook) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        setLogHook([](LogLevel level, std::string_view message, const std::source_location&) {
          std::fprintf(stderr, "hooked %d: %s\n", static_cast<int>(level),
                       std::string(message).c_str());
        });
        contractViolation("wrong thread");
      },
      KilledBySignal(SIGABRT), "^hooked 3: wrong thread\n$");
}

TEST(ErrorDeathTest, ABrokenContractAbortsEvenWhenTheHookThrows) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        setLogHook([](LogLevel, std::string_view, const std::source_location&) {
          throw std::runtime_error("full disk");
        });
        contractViolation("wrong thread");
      },
      KilledBySignal(SIGABRT), "wrong thread");
}

}  // namespace
}  // namespace tern
