// Response: status, header fields and body of a reply.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace tern::http {

/// A value; one that is kept can be sent again and again. What frames a message, and Date, the
/// server sets by itself: Content-Length, Transfer-Encoding, Connection.
class Response {
 public:
  /// A final status, 200 to 599; else std::invalid_argument.
  explicit Response(int status = 200);
  /// With a body, and its Content-Type.
  Response(int status, std::string body,
           std::string_view contentType = "text/plain; charset=utf-8");

  [[nodiscard]] int status() const noexcept { return status_; }
  /// Adds a field. Throws std::invalid_argument, and changes nothing, for a name that is no token,
  /// a value with line ends or other control characters, and a field that the server sets itself.
  Response& addHeader(std::string_view name, std::string_view value);
  Response& setBody(std::string body) noexcept;
  /// Shares it: one body, unless small, for many replies, uncopied. Not null.
  Response& setBody(std::shared_ptr<const std::string> body);
  /// The connection closes behind this reply.
  Response& closeConnection() noexcept;

  [[nodiscard]] std::string_view body() const noexcept { return shared_ ? *shared_ : body_; }
  /// The fields that were added, one "Name: value\r\n" after the other.
  [[nodiscard]] std::string_view fields() const noexcept { return fields_; }
  [[nodiscard]] bool closesConnection() const noexcept { return close_; }

 private:
  friend class ReplyQueue;

  int status_;
  bool close_ = false;
  std::string fields_;
  std::string body_;
  std::shared_ptr<const std::string> shared_;  // instead of body_
};

/// The standard's words for a status, "Not Found"; empty for one that it does not name.
[[nodiscard]] std::string_view reasonPhrase(int status) noexcept;

}  // namespace tern::http
