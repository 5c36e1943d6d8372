// Response: fields are checked as they are added, so that sending them needs no second look.
#include "tern/http/Response.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "Octets.h"
#include "tern/http/Request.h"

namespace tern::http {
namespace {

// Two that disagree about where a message ends are what smuggling is made of.
constexpr std::array<std::string_view, 5> kSetByServer = {"Content-Length", "Transfer-Encoding",
                                                          "Connection", "Date", "Trailer"};

struct Phrase {
  int status;
  std::string_view text;
};

constexpr std::array kPhrases = {
    Phrase{100, "Continue"},
    Phrase{200, "OK"},
    Phrase{201, "Created"},
    Phrase{202, "Accepted"},
    Phrase{203, "Non-Authoritative Information"},
    Phrase{204, "No Content"},
    Phrase{205, "Reset Content"},
    Phrase{206, "Partial Content"},
    Phrase{300, "Multiple Choices"},
    Phrase{301, "Moved Permanently"},
    Phrase{302, "Found"},
    Phrase{303, "See Other"},
    Phrase{304, "Not Modified"},
    Phrase{307, "Temporary Redirect"},
    Phrase{308, "Permanent Redirect"},
    Phrase{400, "Bad Request"},
    Phrase{401, "Unauthorized"},
    Phrase{402, "Payment Required"},
    Phrase{403, "Forbidden"},
    Phrase{404, "Not Found"},
    Phrase{405, "Method Not Allowed"},
    Phrase{406, "Not Acceptable"},
    Phrase{407, "Proxy Authentication Required"},
    Phrase{408, "Request Timeout"},
    Phrase{409, "Conflict"},
    Phrase{410, "Gone"},
    Phrase{411, "Length Required"},
    Phrase{412, "Precondition Failed"},
    Phrase{413, "Content Too Large"},
    Phrase{414, "URI Too Long"},
    Phrase{415, "Unsupported Media Type"},
    Phrase{416, "Range Not Satisfiable"},
    Phrase{417, "Expectation Failed"},
    Phrase{421, "Misdirected Request"},
    Phrase{422, "Unprocessable Content"},
    Phrase{426, "Upgrade Required"},
    Phrase{428, "Precondition Required"},
    Phrase{429, "Too Many Requests"},
    Phrase{431, "Request Header Fields Too Large"},
    Phrase{451, "Unavailable For Legal Reasons"},
    Phrase{500, "Internal Server Error"},
    Phrase{501, "Not Implemented"},
    Phrase{502, "Bad Gateway"},
    Phrase{503, "Service Unavailable"},
    Phrase{504, "Gateway Timeout"},
    Phrase{505, "HTTP Version Not Supported"},
    Phrase{511, "Network Authentication Required"},
};

}  // namespace

std::string_view reasonPhrase(int status) noexcept {
  const auto* const found =
      std::lower_bound(kPhrases.begin(), kPhrases.end(), status,
                       [](const Phrase& phrase, int wanted) { return phrase.status < wanted; });
  return found != kPhrases.end() && found->status == status ? found->text : std::string_view();
}

Response::Response(int status) : status_(status) {
  if (status < 200 || status > 599) {
    throw std::invalid_argument("a reply's status is 200 to 599, not " + std::to_string(status));
  }
}

Response::Response(int status, std::string body, std::string_view contentType) : Response(status) {
  body_ = std::move(body);
  addHeader("Content-Type", contentType);
}

Response& Response::addHeader(std::string_view name, std::string_view value) {
  if (name.empty() || !allOctets(name, octet::kToken)) {
    throw std::invalid_argument("a header's name must be a token");
  }
  if (!allOctets(value, octet::kText)) {
    throw std::invalid_argument("the value of " + std::string(name) + " has a control character");
  }
  for (const std::string_view own : kSetByServer) {
    if (equalIgnoringCase(name, own)) {
      throw std::invalid_argument(std::string(own) + " is set by the server");
    }
  }
  const std::string_view text = trimmed(value);
  fields_.reserve(fields_.size() + name.size() + text.size() + 4);
  fields_.append(name).append(": ").append(text).append("\r\n");
  return *this;
}

Response& Response::setBody(std::string body) noexcept {
  body_ = std::move(body);
  shared_.reset();
  return *this;
}

Response& Response::setBody(std::shared_ptr<const std::string> body) {
  if (body == nullptr) throw std::invalid_argument("a shared body must not be null");
  shared_ = std::move(body);
  body_.clear();
  return *this;
}

Response& Response::closeConnection() noexcept {
  close_ = true;
  return *this;
}

}  // namespace tern::http
