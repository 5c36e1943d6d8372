// LogCapture: what tern logs while a test looks.
#pragma once

#include <tern/base/Logging.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tern::testing {

/// Takes the log hook while it lives, and gives the default back. One at a time. Any thread.
class LogCapture {
 public:
  LogCapture();
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;
  ~LogCapture();

  /// "warn: the message"
  [[nodiscard]] std::vector<std::string> lines() const;
  /// How many lines contain the text.
  [[nodiscard]] std::size_t count(std::string_view text) const;

 private:
  struct Lines;
  std::shared_ptr<Lines> lines_;  // shared with the hook, which may still run on another thread
};

}  // namespace tern::testing
