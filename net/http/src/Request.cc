// Request: views into the head, made when asked for.
#include "tern/http/Request.h"

#include <algorithm>
#include <stdexcept>

namespace tern::http {
namespace {

char lowered(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

int hexValue(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  const char letter = lowered(c);
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

}  // namespace

bool equalIgnoringCase(std::string_view one, std::string_view other) noexcept {
  return one.size() == other.size() &&
         std::equal(one.begin(), one.end(), other.begin(),
                    [](char a, char b) { return lowered(a) == lowered(b); });
}

std::string_view Request::path() const noexcept {
  std::string_view rest = target();
  if (!rest.starts_with('/') && rest != "*") {
    const std::size_t authority = rest.find("://");
    const std::size_t path = rest.find_first_of("/?", authority + 3);
    // "http://host" and "http://host?query" mean the root.
    if (path == std::string_view::npos || rest[path] == '?') return "/";
    rest.remove_prefix(path);
  }
  return rest.substr(0, rest.find('?'));
}

std::string_view Request::query() const noexcept {
  const std::string_view whole = target();
  const std::size_t mark = whole.find('?');
  return mark == std::string_view::npos ? std::string_view() : whole.substr(mark + 1);
}

std::optional<std::string> Request::decodedPath() const {
  const std::string_view escaped = path();
  std::string decoded;
  decoded.reserve(escaped.size());
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    if (escaped[i] != '%') {
      decoded += escaped[i];
      continue;
    }
    if (escaped.size() - i < 3) return std::nullopt;
    const int high = hexValue(escaped[i + 1]);
    const int low = hexValue(escaped[i + 2]);
    if (high < 0 || low < 0 || high + low == 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

Request::Field Request::field(std::size_t index) const {
  const FieldSpan& span = fields_.at(index);
  return {view(span.name), view(span.value)};
}

std::optional<std::string_view> Request::header(std::string_view name) const noexcept {
  for (const FieldSpan& field : fields_) {
    if (equalIgnoringCase(view(field.name), name)) return view(field.value);
  }
  return std::nullopt;
}

std::vector<std::string_view> Request::headers(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const FieldSpan& field : fields_) {
    if (equalIgnoringCase(view(field.name), name)) values.push_back(view(field.value));
  }
  return values;
}

void Request::clear() noexcept {
  head_.clear();
  fields_.clear();
  body_.clear();
  method_ = target_ = Span{};
  minorVersion_ = 1;
  keepAlive_ = true;
}

}  // namespace tern::http
