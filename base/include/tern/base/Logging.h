// The logging hook: tern reports trouble here; the program decides where it goes.
#pragma once

#include <functional>
#include <new>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>

namespace tern {

enum class LogLevel : unsigned char { kDebug, kInfo, kWarn, kError, kOff };

using LogHook =
    std::function<void(LogLevel, std::string_view message, const std::source_location&)>;

/// Replaces the hook; an empty one restores the default, which writes a line to stderr. Any thread.
/// The hook runs on the thread that logs, possibly on several at once, and must not throw.
void setLogHook(LogHook hook);

/// Messages below this level cost one relaxed load and are dropped. Default: kInfo. Any thread.
void setLogLevel(LogLevel level) noexcept;
[[nodiscard]] bool logEnabled(LogLevel level) noexcept;

/// Hands a message to the hook. Any thread. Never throws.
void log(LogLevel level, std::string_view message,
         const std::source_location& where = std::source_location::current()) noexcept;

/// The same for a message that takes memory to make: `make` is called when the level is enabled. A
/// message that there is no memory for is replaced by one that says so.
template <class Make>
  requires std::is_invocable_r_v<std::string, Make&>
void log(LogLevel level, Make&& make,
         const std::source_location& where = std::source_location::current()) noexcept {
  if (!logEnabled(level)) return;
  try {
    const std::string message = make();
    log(level, std::string_view(message), where);
  } catch (const std::bad_alloc&) {
    log(level, std::string_view("out of memory, also for saying what has happened here"), where);
  }
}

/// "debug", "info", "warn", "error" or "off".
[[nodiscard]] std::string_view toString(LogLevel level) noexcept;

}  // namespace tern
