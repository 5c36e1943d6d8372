// HeadRules: RFC 9112, 3 and 6, and RFC 9110, 7.2 and 10.1.1, with no leniency.
#include "HeadRules.h"

#include <algorithm>

#include "Octets.h"
#include "tern/http/Request.h"

namespace tern::http {
namespace {

constexpr int kBadRequest = 400;
constexpr int kExpectationFailed = 417;
constexpr int kNotImplemented = 501;
constexpr int kVersionNotSupported = 505;

bool isDigit(char c) noexcept { return c >= '0' && c <= '9'; }

bool isVersion(std::string_view text) noexcept {
  return text.size() == 8 && text.starts_with("HTTP/") && isDigit(text[5]) && text[6] == '.' &&
         isDigit(text[7]);
}

bool isTarget(std::string_view target, std::string_view method) noexcept {
  if (!allOctets(target, octet::kTarget)) return false;
  if (target == "*") return method == "OPTIONS";
  if (target.starts_with('/')) return true;
  const std::size_t scheme = target.find("://");
  if (scheme == std::string_view::npos) return false;
  const std::string_view name = target.substr(0, scheme);
  return (equalIgnoringCase(name, "http") || equalIgnoringCase(name, "https")) &&
         target.size() > scheme + 3 && target[scheme + 3] != '/';
}

// What the fields that frame a message say, counted before they are believed.
struct Framing {
  int hosts = 0;
  int lengths = 0;
  int encodings = 0;
  std::string_view host;
  std::string_view length;
  std::string_view encoding;
  std::string_view expectation;
  int expectations = 0;
};

Framing framingOf(const Request& request) {
  Framing framing;
  for (std::size_t i = 0; i < request.fieldCount(); ++i) {
    const auto [name, value] = request.field(i);
    if (equalIgnoringCase(name, "Host")) {
      ++framing.hosts;
      framing.host = value;
    } else if (equalIgnoringCase(name, "Content-Length")) {
      ++framing.lengths;
      framing.length = value;
    } else if (equalIgnoringCase(name, "Transfer-Encoding")) {
      ++framing.encodings;
      framing.encoding = value;
    } else if (equalIgnoringCase(name, "Expect")) {
      ++framing.expectations;
      framing.expectation = value;
    }
  }
  return framing;
}

// Chunked alone is understood. It must be the last coding, and stand once; of what else comes
// before it nobody can say where it ends.
int checkEncoding(std::string_view value) noexcept {
  if (equalIgnoringCase(value, "chunked")) return 0;
  int chunked = 0;
  bool last = false;
  while (true) {
    const std::size_t comma = value.find(',');
    const std::string_view coding = trimmed(value.substr(0, comma));
    if (coding.empty()) return kBadRequest;
    last = equalIgnoringCase(coding, "chunked");
    if (last) ++chunked;
    if (comma == std::string_view::npos) break;
    value.remove_prefix(comma + 1);
  }
  return last && chunked == 1 ? kNotImplemented : kBadRequest;
}

}  // namespace

int parseRequestLine(std::string_view line, RequestLine& result) noexcept {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return kBadRequest;
  result.method = line.substr(0, first);
  result.target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (result.method.empty() || !allOctets(result.method, octet::kToken)) return kBadRequest;
  if (!isVersion(version)) return kBadRequest;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return kVersionNotSupported;
  result.minorVersion = version.back() - '0';
  // A tunnel: what follows is not HTTP.
  if (result.method == "CONNECT") return kNotImplemented;
  return isTarget(result.target, result.method) ? 0 : kBadRequest;
}

int checkFields(const Request& request) noexcept {
  const Framing framing = framingOf(request);
  if (framing.hosts > 1 || (framing.hosts == 0 && request.minorVersion() > 0)) return kBadRequest;
  if (!allOctets(framing.host, octet::kHostName)) return kBadRequest;
  if (framing.lengths > 1 || framing.encodings > 1) return kBadRequest;
  if (framing.lengths == 1 &&
      (framing.length.empty() ||
       !std::all_of(framing.length.begin(), framing.length.end(), isDigit))) {
    return kBadRequest;
  }
  if (framing.encodings == 1) {
    if (framing.lengths == 1 || request.minorVersion() == 0) return kBadRequest;
    if (const int status = checkEncoding(framing.encoding); status != 0) return status;
  }
  // HTTP/1.0 has no expectations.
  const bool expects = framing.expectations > 0 && request.minorVersion() > 0;
  if (expects &&
      (framing.expectations > 1 || !equalIgnoringCase(framing.expectation, "100-continue"))) {
    return kExpectationFailed;
  }
  return 0;
}

bool expectsContinue(const Request& request) noexcept {
  return request.minorVersion() > 0 && request.header("Expect").has_value();
}

}  // namespace tern::http
