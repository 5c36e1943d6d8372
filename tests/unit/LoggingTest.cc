// Logging: what reaches the hook, what the default writes, and hooks that misbehave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tern/base/Logging.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tern {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Message {
  LogLevel level;
  std::string text;
  std::source_location where;
};

class Logging : public ::testing::Test {
 protected:
  ~Logging() override {
    setLogHook({});
    setLogLevel(LogLevel::kInfo);
  }

  /// Records messages from now on.
  void record() {
    setLogHook([this](LogLevel level, std::string_view text, const std::source_location& where) {
      const std::lock_guard lock(mutex_);
      messages.push_back({level, std::string(text), where});
    });
  }

  [[nodiscard]] std::vector<std::string> texts() const {
    std::vector<std::string> result;
    result.reserve(messages.size());
    for (const Message& message : messages) result.push_back(message.text);
    return result;
  }

  /// What the calls inside write to stderr.
  static std::string onStderr(const std::function<void()>& calls) {
    ::testing::internal::CaptureStderr();
    calls();
    return ::testing::internal::GetCapturedStderr();
  }

  std::vector<Message> messages;

 private:
  std::mutex mutex_;
};

TEST_F(Logging, TheHookReceivesLevelMessageAndPlace) {
  record();
  log(LogLevel::kWarn, "low on fds");
  const unsigned line = __LINE__ - 1;
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].level, LogLevel::kWarn);
  EXPECT_EQ(messages[0].text, "low on fds");
  EXPECT_THAT(messages[0].where.file_name(), EndsWith("LoggingTest.cc"));
  EXPECT_EQ(messages[0].where.line(), line);
}

TEST_F(Logging, APlaceCanBePassedOn) {
  record();
  const auto helper = [](const std::source_location& caller = std::source_location::current()) {
    log(LogLevel::kInfo, "", caller);
  };
  helper();
  const unsigned line = __LINE__ - 1;
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].where.line(), line);
}

TEST_F(Logging, MessagesArriveAsTheyAre) {
  record();
  const std::string odd("zero \0 percent %s%n newline \n", 29);
  log(LogLevel::kInfo, odd);
  log(LogLevel::kInfo, {});
  EXPECT_THAT(texts(), ::testing::ElementsAre(odd, ""));
}

TEST_F(Logging, LevelsBelowTheThresholdAreDropped) {
  record();
  constexpr std::array kLevels = {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn,
                                  LogLevel::kError};
  for (const LogLevel threshold : kLevels) {
    setLogLevel(threshold);
    for (const LogLevel level : kLevels) {
      messages.clear();
      log(level, "x");
      EXPECT_EQ(messages.size(), level >= threshold ? 1U : 0U);
      EXPECT_EQ(logEnabled(level), level >= threshold);
    }
  }
}

TEST_F(Logging, InfoIsTheDefaultThreshold) {
  EXPECT_FALSE(logEnabled(LogLevel::kDebug));
  EXPECT_TRUE(logEnabled(LogLevel::kInfo));
}

TEST_F(Logging, OffSilencesEverything) {
  record();
  setLogLevel(LogLevel::kOff);
  log(LogLevel::kError, "x");
  log(LogLevel::kOff, "x");
  EXPECT_FALSE(logEnabled(LogLevel::kError));
  EXPECT_FALSE(logEnabled(LogLevel::kOff));
  setLogLevel(LogLevel::kDebug);
  log(LogLevel::kOff, "off is no level to log at");
  EXPECT_THAT(messages, IsEmpty());
}

TEST_F(Logging, LevelsHaveNames) {
  EXPECT_EQ(toString(LogLevel::kDebug), "debug");
  EXPECT_EQ(toString(LogLevel::kInfo), "info");
  EXPECT_EQ(toString(LogLevel::kWarn), "warn");
  EXPECT_EQ(toString(LogLevel::kError), "error");
  EXPECT_EQ(toString(LogLevel::kOff), "off");
}

// --- the default ---

TEST_F(Logging, WithoutAHookALineGoesToStderr) {
  const std::string line = onStderr([] { log(LogLevel::kWarn, "low on fds"); });
  EXPECT_THAT(line, ::testing::MatchesRegex("tern warn: low on fds \\(LoggingTest.cc:[0-9]+\\)\n"));
}

TEST_F(Logging, TheDefaultWritesAnEmptyMessageAndFormatCharacters) {
  EXPECT_THAT(onStderr([] { log(LogLevel::kError, {}); }), HasSubstr("tern error: "));
  EXPECT_THAT(onStderr([] { log(LogLevel::kInfo, "100%s %n"); }), HasSubstr("tern info: 100%s %n"));
}

TEST_F(Logging, TheDefaultWritesNoMoreThanTheMessage) {
  const std::string text = "whole and the rest";
  const std::string line =
      onStderr([&] { log(LogLevel::kInfo, std::string_view(text).substr(0, 5)); });
  EXPECT_THAT(line, HasSubstr("tern info: whole ("));
}

TEST_F(Logging, AnEmptyHookRestoresTheDefault) {
  record();
  setLogHook({});
  EXPECT_THAT(onStderr([] { log(LogLevel::kInfo, "back"); }), HasSubstr("back"));
  setLogHook(nullptr);
  EXPECT_THAT(onStderr([] { log(LogLevel::kInfo, "back"); }), HasSubstr("back"));
  EXPECT_THAT(messages, IsEmpty());
}

// --- hooks that misbehave ---

TEST_F(Logging, TheMessageOfAHookThatThrowsIsNotLost) {
  setLogHook([](LogLevel, std::string_view, const std::source_location&) {
    throw std::runtime_error("full disk");
  });
  const std::string lines = onStderr([] { log(LogLevel::kWarn, "important"); });
  EXPECT_THAT(lines, HasSubstr("the log hook threw"));
  EXPECT_THAT(lines, HasSubstr("tern warn: important"));

  setLogHook([](LogLevel, std::string_view, const std::source_location&) { throw 1; });
  EXPECT_THAT(onStderr([] { log(LogLevel::kWarn, "important"); }), HasSubstr("important"));
}

TEST_F(Logging, AHookMayLog) {
  std::vector<std::string> seen;
  setLogHook([&](LogLevel level, std::string_view text, const std::source_location&) {
    seen.emplace_back(text);
    if (level == LogLevel::kError) log(LogLevel::kInfo, "from inside the hook");
  });
  log(LogLevel::kError, "first");
  EXPECT_THAT(seen, ::testing::ElementsAre("first", "from inside the hook"));
}

TEST_F(Logging, AHookMayReplaceItselfAndStillFinish) {
  std::vector<std::string> seen;
  // On the heap, so that AddressSanitizer sees a hook that is used after it was destroyed.
  const auto last = std::make_shared<std::string>("the first hook's own end");
  setLogHook([&seen, last](LogLevel, std::string_view text, const std::source_location&) {
    seen.push_back("old: " + std::string(text));
    setLogHook([&seen](LogLevel, std::string_view inner, const std::source_location&) {
      seen.push_back("new: " + std::string(inner));
    });
    log(LogLevel::kInfo, "inside");
    seen.push_back(*last);
  });
  log(LogLevel::kInfo, "a");
  log(LogLevel::kInfo, "b");
  EXPECT_THAT(
      seen, ::testing::ElementsAre("old: a", "new: inside", "the first hook's own end", "new: b"));
  EXPECT_EQ(last.use_count(), 1) << "the replaced hook was kept";
}

TEST_F(Logging, AHookThatIsReplacedMayLogAsItDies) {
  struct LogsAtItsEnd {
    explicit LogsAtItsEnd(std::vector<std::string>& list) : seen(list) {}
    ~LogsAtItsEnd() { log(LogLevel::kInfo, "dying"); }
    std::vector<std::string>& seen;
  };
  std::vector<std::string> seen;
  auto state = std::make_shared<LogsAtItsEnd>(seen);
  setLogHook([state](LogLevel, std::string_view, const std::source_location&) {});
  state.reset();
  setLogHook([&](LogLevel, std::string_view text, const std::source_location&) {
    seen.emplace_back(text);
  });
  EXPECT_THAT(seen, ::testing::ElementsAre("dying"));
}

// --- threads ---

TEST_F(Logging, SeveralThreadsMayLogAtOnce) {
  record();
  constexpr int kThreads = 4;
  constexpr int kMessages = 500;
  std::vector<std::thread> threads(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads[static_cast<std::size_t>(t)] = std::thread([t] {
      for (int i = 0; i < kMessages; ++i) log(LogLevel::kInfo, std::to_string(t * kMessages + i));
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<bool> arrived(kThreads * kMessages, false);
  for (const Message& message : messages) arrived[std::stoul(message.text)] = true;
  EXPECT_EQ(messages.size(), arrived.size());
  EXPECT_THAT(arrived, ::testing::Each(true));
}

TEST_F(Logging, TheHookMayBeReplacedWhileOthersLog) {
  std::atomic<int> delivered{0};
  const auto hook = [&] {
    // State of its own, so that a hook destroyed while it runs is noticed.
    return [&delivered, step = std::make_unique<int>(1)](
               LogLevel, std::string_view, const std::source_location&) { delivered += *step; };
  };
  const auto install = [&] {
    auto shared = std::make_shared<decltype(hook())>(hook());
    setLogHook([shared](LogLevel level, std::string_view text, const std::source_location& where) {
      (*shared)(level, text, where);
    });
  };
  install();
  constexpr int kMessages = 1000;
  std::array<std::thread, 2> threads;
  for (std::thread& thread : threads) {
    thread = std::thread([] {
      for (int i = 0; i < kMessages; ++i) log(LogLevel::kInfo, "x");
    });
  }
  for (int i = 0; i < 300; ++i) {
    install();
    setLogLevel(LogLevel::kDebug);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(delivered, 2 * kMessages);
}

}  // namespace
}  // namespace tern
