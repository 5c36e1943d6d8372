// LogCapture: a vector behind the hook.
#include "support/LogCapture.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <source_location>

namespace tern::testing {

struct LogCapture::Lines {
  std::mutex mutex;
  std::vector<std::string> all;
};

LogCapture::LogCapture() : lines_(std::make_shared<Lines>()) {
  setLogHook(
      [lines = lines_](LogLevel level, std::string_view message, const std::source_location&) {
        const std::lock_guard lock(lines->mutex);
        lines->all.push_back(std::string(toString(level)) + ": " + std::string(message));
      });
}

LogCapture::~LogCapture() { setLogHook({}); }

std::vector<std::string> LogCapture::lines() const {
  const std::lock_guard lock(lines_->mutex);
  return lines_->all;
}

std::size_t LogCapture::count(std::string_view text) const {
  const auto all = lines();
  return static_cast<std::size_t>(std::count_if(
      all.begin(), all.end(),
      [text](const std::string& line) { return line.find(text) != std::string::npos; }));
}

}  // namespace tern::testing
