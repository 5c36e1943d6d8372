// Error helpers: how tern turns errno into std::error_code and exceptions.
#pragma once

#include <source_location>
#include <string>
#include <system_error>

namespace tern {

/// errno-style number (positive) as an error_code.
inline std::error_code systemError(int errnum) noexcept { return {errnum, std::system_category()}; }

/// Throws std::system_error. `what` says what was tried, on what, and what to do about it; what to
/// do when descriptors have run out is added here.
[[noreturn]] void throwSystemError(int errnum, const std::string& what);

/// For contracts broken by the programmer only: prints one sentence through the log hook (to stderr
/// when logging is off), aborts.
[[noreturn]] void contractViolation(
    const std::string& sentence,
    const std::source_location& where = std::source_location::current()) noexcept;

}  // namespace tern
