// The logging hook and its stderr default.
#include "tern/base/Logging.h"

#include <atomic>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>

namespace tern {
namespace {

constinit std::atomic<LogLevel> gLevel{LogLevel::kInfo};
constinit std::mutex gHookMutex;
// A plain pointer to a shared_ptr that is never freed: no static destructor may run while another
// thread still logs.
constinit std::shared_ptr<const LogHook>* gHook = nullptr;

std::shared_ptr<const LogHook> currentHook() {
  const std::lock_guard lock(gHookMutex);
  return gHook != nullptr ? *gHook : nullptr;
}

void writeToStderr(LogLevel level, std::string_view message, const std::source_location& where) {
  const char* slash = std::strrchr(where.file_name(), '/');
  const char* file = slash != nullptr ? slash + 1 : where.file_name();
  const std::string_view name = toString(level);
  // One fprintf: stdio's lock keeps lines of several threads whole.
  std::fprintf(stderr, "tern %.*s: %.*s (%s:%u)\n", static_cast<int>(name.size()), name.data(),
               static_cast<int>(message.size()), message.data(), file,
               static_cast<unsigned>(where.line()));
}

}  // namespace

std::string_view toString(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
    case LogLevel::kOff:
      break;
  }
  return "off";
}

void setLogHook(LogHook hook) {
  std::shared_ptr<const LogHook> next;
  if (hook) next = std::make_shared<const LogHook>(std::move(hook));
  const std::lock_guard lock(gHookMutex);
  if (gHook == nullptr) gHook = new std::shared_ptr<const LogHook>;
  gHook->swap(next);
}

void setLogLevel(LogLevel level) noexcept { gLevel.store(level, std::memory_order_relaxed); }

bool logEnabled(LogLevel level) noexcept {
  return level >= gLevel.load(std::memory_order_relaxed) && level != LogLevel::kOff;
}

void log(LogLevel level, std::string_view message, const std::source_location& where) noexcept {
  if (!logEnabled(level)) return;
  try {
    // The lock is not held during the call, so a hook may log or replace the hook.
    if (const auto hook = currentHook()) {
      (*hook)(level, message, where);
    } else {
      writeToStderr(level, message, where);
    }
  } catch (...) {
    writeToStderr(LogLevel::kError, "the log hook threw; its message follows", where);
    writeToStderr(level, message, where);
  }
}

}  // namespace tern
