// Octets: which bytes may stand where in a message's head.
#pragma once

#include <array>
#include <string_view>

namespace tern::http {

namespace octet {

inline constexpr unsigned char kToken = 1;   // of a method or a field's name
inline constexpr unsigned char kText = 2;    // in a line: all but control characters, with HTAB
inline constexpr unsigned char kTarget = 4;  // of a request target
inline constexpr unsigned char kHostName = 8;

constexpr bool contains(std::string_view set, char c) {
  return set.find(c) != std::string_view::npos;
}

constexpr std::array<unsigned char, 256> makeClasses() {
  std::array<unsigned char, 256> classes{};
  for (unsigned i = 0; i < classes.size(); ++i) {
    const char c = static_cast<char>(i);
    const bool alphanumeric =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    unsigned mask = 0;
    if (alphanumeric || (i != 0 && contains("!#$%&'*+-.^_`|~", c))) mask |= kToken;
    if (i == '\t' || (i >= ' ' && i != 0x7F)) mask |= kText;
    if (i > ' ' && i < 0x7F && !contains("\"#<>\\^`{|}", c)) mask |= kTarget;
    if (alphanumeric || (i != 0 && contains("-._~!$&'()*+,;=:%[]", c))) mask |= kHostName;
    classes[i] = static_cast<unsigned char>(mask);
  }
  return classes;
}

inline constexpr std::array<unsigned char, 256> kClasses = makeClasses();

}  // namespace octet

constexpr bool isOctet(char c, unsigned char octetClass) noexcept {
  return (octet::kClasses[static_cast<unsigned char>(c)] & octetClass) != 0;
}

constexpr bool allOctets(std::string_view text, unsigned char octetClass) noexcept {
  for (const char c : text) {
    if (!isOctet(c, octetClass)) return false;
  }
  return true;
}

constexpr bool isBlank(char c) noexcept { return c == ' ' || c == '\t'; }

/// Without the blanks around it.
constexpr std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && isBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && isBlank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace tern::http
