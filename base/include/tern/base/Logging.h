// The logging hook: tern reports trouble here; the program decides where it goes.
#pragma once

#include <functional>
#include <source_location>
#include <string_view>

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

/// "debug", "info", "warn", "error" or "off".
[[nodiscard]] std::string_view toString(LogLevel level) noexcept;

}  // namespace tern
