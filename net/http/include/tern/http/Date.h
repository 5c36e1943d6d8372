// Date: time stamps in the form that HTTP headers have.
#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace tern::http {

/// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7), whatever the locale. Years 0 to 9999; a time
/// outside of them is taken for the nearest. Any thread.
[[nodiscard]] std::string formatDate(std::time_t time);

/// Reads that form, and the two obsolete ones; nothing for anything else. Any thread.
[[nodiscard]] std::optional<std::time_t> parseDate(std::string_view text);

}  // namespace tern::http
