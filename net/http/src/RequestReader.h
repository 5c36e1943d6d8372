// RequestReader: makes requests of the bytes of a connection; llhttp, fenced.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "LineCheck.h"
#include "tern/http/Limits.h"
#include "tern/http/Request.h"

namespace tern {
class Buffer;
}

namespace tern::http {

/// Reads one request after the other. A head is left in the buffer until it is complete, so that
/// the parser sees it in one piece; a body is taken as it comes. One thread.
class RequestReader {
 public:
  enum class Step : unsigned char {
    kMore,     ///< the buffer holds no complete step: more bytes are needed
    kHead,     ///< the head of a request with a body is there
    kRequest,  ///< a request is complete; next() must follow
    kError,    ///< no request; status() is for the reply, and there is no way on
  };

  RequestReader(const Limits& limits, const SocketAddress& peer);
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;
  ~RequestReader();

  /// Takes from the buffer what belongs to the next step.
  Step read(Buffer& input);
  /// Makes room for the next request.
  void next() noexcept;

  [[nodiscard]] Request& request() noexcept { return request_; }
  [[nodiscard]] const Request& request() const noexcept { return request_; }
  [[nodiscard]] int status() const noexcept { return status_; }
  /// A byte of the head has come, but not yet all.
  [[nodiscard]] bool inHead() const noexcept { return !inBody_ && lines_.consumed() > 0; }
  [[nodiscard]] bool inBody() const noexcept { return inBody_; }

 private:
  struct Parser;

  Step readHead(Buffer& input);
  Step readBody(Buffer& input);
  Step fail(int status) noexcept;
  [[nodiscard]] int headLimitExceeded(std::size_t bytes) const noexcept;
  [[nodiscard]] int parseHead(std::string_view head);
  [[nodiscard]] int takeHeadersApart();
  [[nodiscard]] int headersComplete();
  [[nodiscard]] bool checkBetweenChunks(const char* end);
  [[nodiscard]] Request::Span spanOf(const char* at, std::size_t length) const noexcept;

  const Limits& limits_;
  LineCheck lines_;
  std::size_t emptyLines_ = 0;  // before the request
  Request request_;
  std::unique_ptr<Parser> parser_;
  int status_ = 0;
  bool inBody_ = false;
};

}  // namespace tern::http
