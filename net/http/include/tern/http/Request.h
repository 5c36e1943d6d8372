// Request: one HTTP request, complete with its body.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tern/net/SocketAddress.h"

namespace tern::http {

/// A value: copy or move it to keep it beyond the call that showed it. Views that it gives live as
/// long as it is neither changed, moved nor destroyed. One thread at a time.
class Request {
 public:
  struct Field {
    std::string_view name;   ///< as the client spelled it
    std::string_view value;  ///< without the blanks around it
  };

  /// "GET"; case matters.
  [[nodiscard]] std::string_view method() const noexcept { return view(method_); }
  [[nodiscard]] bool isHead() const noexcept { return method() == "HEAD"; }
  /// As sent: "/a%20b?c=d", "http://host/a", or "*".
  [[nodiscard]] std::string_view target() const noexcept { return view(target_); }
  /// The target's path, still escaped: "/a%20b". "*" for "*".
  [[nodiscard]] std::string_view path() const noexcept;
  /// What follows the path's '?'; empty without one.
  [[nodiscard]] std::string_view query() const noexcept;
  /// The path with its escapes resolved; nothing if one is malformed or stands for a NUL.
  [[nodiscard]] std::optional<std::string> decodedPath() const;
  /// 0 or 1, of HTTP/1.x.
  [[nodiscard]] int minorVersion() const noexcept { return minorVersion_; }
  /// The connection stays open behind the reply, as far as the client is concerned.
  [[nodiscard]] bool keepAlive() const noexcept { return keepAlive_; }

  /// Header fields in their order, repeated ones included. Trailer fields are dropped.
  [[nodiscard]] std::size_t fieldCount() const noexcept { return fields_.size(); }
  /// index < fieldCount(), or std::out_of_range.
  [[nodiscard]] Field field(std::size_t index) const;
  /// The value of the first field of that name, whatever its case.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const noexcept;
  /// The values of all fields of that name, in order.
  [[nodiscard]] std::vector<std::string_view> headers(std::string_view name) const;

  /// Without its chunks; empty while only the head is there.
  [[nodiscard]] const std::string& body() const noexcept { return body_; }
  [[nodiscard]] std::string takeBody() noexcept { return std::move(body_); }

  [[nodiscard]] const SocketAddress& peerAddress() const noexcept { return peer_; }

 private:
  friend class RequestReader;

  // Places in head_, which views into it would not survive being copied.
  struct Span {
    std::uint32_t begin = 0;
    std::uint32_t length = 0;
  };
  struct FieldSpan {
    Span name;
    Span value;
  };

  [[nodiscard]] std::string_view view(Span span) const noexcept {
    return std::string_view(head_).substr(span.begin, span.length);
  }
  void clear() noexcept;

  std::string head_;
  std::vector<FieldSpan> fields_;
  std::string body_;
  Span method_;
  Span target_;
  int minorVersion_ = 1;
  bool keepAlive_ = true;
  SocketAddress peer_;
};

/// Whether two texts are equal but for the case of ASCII letters, as header names compare.
[[nodiscard]] bool equalIgnoringCase(std::string_view one, std::string_view other) noexcept;

}  // namespace tern::http
