// RequestReader: checks the raw bytes first, lets llhttp parse, and checks what llhttp leaves open.
#include "RequestReader.h"

#include <llhttp.h>

#include <algorithm>

#include "HeadRules.h"
#include "Octets.h"
#include "tern/base/Buffer.h"

namespace tern::http {
namespace {

constexpr int kBadRequest = 400;
constexpr int kBodyTooLarge = 413;
constexpr int kTargetTooLong = 414;
constexpr int kHeadTooLarge = 431;
constexpr int kNotImplemented = 501;

// RFC 9112, 2.2, asks to forgive an empty line behind a body. Not for ever.
constexpr std::size_t kMostEmptyLines = 4;
constexpr std::string_view kEmptyLine = "\r\n";
// Memory that a request keeps for the next one.
constexpr std::size_t kKeepHead = 4096;
constexpr std::size_t kKeepBody = std::size_t{64} * 1024;
// Of lines around a chunk: what honest clients need.
constexpr std::size_t kChunkLines = 16;

}  // namespace

// The state of llhttp, and its callbacks.
struct RequestReader::Parser {
  explicit Parser(RequestReader& of) : reader(of) {}

  void restart() noexcept {
    llhttp_init(&state, HTTP_REQUEST, &settings());
    state.data = this;
    complete = false;
    headDone = false;
    chunked = false;
    chunkLines.reset();
    allowance = reader.limits_.headBytes;
  }

  llhttp_errno_t execute(std::string_view bytes) noexcept {
    return llhttp_execute(&state, bytes.data(), bytes.size());
  }

  static Parser& of(llhttp_t* parser) noexcept { return *static_cast<Parser*>(parser->data); }
  static const llhttp_settings_t& settings() noexcept;

  static int onField(llhttp_t* parser, const char* at, std::size_t length);
  static int onValue(llhttp_t* parser, const char* at, std::size_t length);
  static int onValueComplete(llhttp_t* parser);
  static int onHeadersComplete(llhttp_t* parser);
  static int onChunk(llhttp_t* parser);
  static int onBody(llhttp_t* parser, const char* at, std::size_t length);
  static int onComplete(llhttp_t* parser);

  RequestReader& reader;
  llhttp_t state{};
  Request::FieldSpan field;
  bool complete = false;
  bool headDone = false;
  bool chunked = false;
  const char* unchecked = nullptr;  // where bytes begin that are not known to be of a chunk's data
  LineCheck chunkLines;
  std::size_t allowance = 0;  // bytes that lines around chunks may still take
};

const llhttp_settings_t& RequestReader::Parser::settings() noexcept {
  static const llhttp_settings_t kSettings = [] {
    llhttp_settings_t made;
    llhttp_settings_init(&made);
    made.on_header_field = onField;
    made.on_header_value = onValue;
    made.on_header_value_complete = onValueComplete;
    made.on_headers_complete = onHeadersComplete;
    made.on_chunk_header = onChunk;
    made.on_body = onBody;
    made.on_message_complete = onComplete;
    return made;
  }();
  return kSettings;
}

int RequestReader::Parser::onField(llhttp_t* parser, const char* at, std::size_t length) {
  Parser& self = of(parser);
  // Trailer fields: nobody has asked for them.
  if (!self.headDone) self.field = {self.reader.spanOf(at, length), {}};
  return 0;
}

int RequestReader::Parser::onValue(llhttp_t* parser, const char* at, std::size_t length) {
  Parser& self = of(parser);
  if (!self.headDone) self.field.value = self.reader.spanOf(at, length);
  return 0;
}

int RequestReader::Parser::onValueComplete(llhttp_t* parser) {
  Parser& self = of(parser);
  if (!self.headDone) self.reader.request_.fields_.push_back(self.field);
  return 0;
}

int RequestReader::Parser::onHeadersComplete(llhttp_t* parser) {
  Parser& self = of(parser);
  // We don't change protocols: an offer to is ignored, and what follows is HTTP.
  parser->upgrade = 0;
  self.headDone = true;
  self.chunked = (parser->flags & F_CHUNKED) != 0;
  self.reader.request_.keepAlive_ = llhttp_should_keep_alive(parser) != 0;
  self.reader.status_ = self.reader.headersComplete();
  return self.reader.status_ == 0 ? 0 : -1;
}

// Before the chunk has come: its size alone may be too large.
int RequestReader::Parser::onChunk(llhttp_t* parser) {
  Parser& self = of(parser);
  const std::size_t room = self.reader.limits_.bodyBytes - self.reader.request_.body_.size();
  if (parser->content_length > room) {
    self.reader.status_ = kBodyTooLarge;
    return -1;
  }
  self.allowance += kChunkLines;
  return 0;
}

int RequestReader::Parser::onBody(llhttp_t* parser, const char* at, std::size_t length) {
  Parser& self = of(parser);
  if (self.chunked && !self.reader.checkBetweenChunks(at)) return -1;
  self.unchecked = at + length;
  self.reader.request_.body_.append(at, length);
  return 0;
}

int RequestReader::Parser::onComplete(llhttp_t* parser) {
  of(parser).complete = true;
  return HPE_PAUSED;
}

RequestReader::RequestReader(const Limits& limits, const SocketAddress& peer)
    : limits_(limits), parser_(std::make_unique<Parser>(*this)) {
  request_.peer_ = peer;
}

RequestReader::~RequestReader() = default;

RequestReader::Step RequestReader::read(Buffer& input) {
  return inBody_ ? readBody(input) : readHead(input);
}

void RequestReader::next() noexcept {
  request_.clear();
  if (request_.head_.capacity() > kKeepHead) request_.head_.shrink_to_fit();
  if (request_.body_.capacity() > kKeepBody) request_.body_.shrink_to_fit();
  lines_.reset();
  emptyLines_ = 0;
  inBody_ = false;
}

RequestReader::Step RequestReader::fail(int status) noexcept {
  status_ = status;
  return Step::kError;
}

RequestReader::Step RequestReader::readHead(Buffer& input) {
  while (lines_.consumed() == 0 && input.view().starts_with(kEmptyLine)) {
    if (++emptyLines_ > kMostEmptyLines) return fail(kBadRequest);
    input.retrieve(kEmptyLine.size());
  }
  const std::string_view bytes = input.view();
  // The CR of an empty line whose LF has not come.
  if (bytes.empty() || bytes == "\r") return Step::kMore;
  // One byte beyond the limit tells that it is exceeded.
  const std::string_view within =
      bytes.substr(0, std::max(limits_.headBytes, lines_.consumed()) + 1);
  const LineCheck::Result result = lines_.feed(within.substr(lines_.consumed()), true);
  // The limit first, as it would be if each byte came alone.
  if (const int status = headLimitExceeded(lines_.consumed()); status != 0) return fail(status);
  if (result == LineCheck::Result::kMalformed) return fail(kBadRequest);
  if (result != LineCheck::Result::kEmptyLine) return Step::kMore;

  const int status = parseHead(bytes.substr(0, lines_.consumed()));
  input.retrieve(lines_.consumed());
  if (status != 0) return fail(status);
  if (parser_->complete) return Step::kRequest;
  inBody_ = true;
  return Step::kHead;
}

int RequestReader::headLimitExceeded(std::size_t bytes) const noexcept {
  const std::size_t requestLine = lines_.firstLine() > 0 ? lines_.firstLine() : bytes;
  if (requestLine > limits_.requestLineBytes) return kTargetTooLong;
  if (bytes > limits_.headBytes || lines_.lines() > limits_.headerFields + 1) return kHeadTooLarge;
  return 0;
}

int RequestReader::parseHead(std::string_view head) {
  request_.head_.assign(head);
  const std::string_view own = request_.head_;
  RequestLine line;
  if (lines_.firstLine() == 0) return kBadRequest;
  const std::string_view first = own.substr(0, lines_.firstLine() - kEmptyLine.size());
  if (const int status = parseRequestLine(first, line); status != 0) return status;
  request_.method_ = spanOf(line.method.data(), line.method.size());
  request_.target_ = spanOf(line.target.data(), line.target.size());
  request_.minorVersion_ = line.minorVersion;

  parser_->restart();
  status_ = 0;
  const llhttp_errno_t error = parser_->execute(own);
  if (status_ != 0) return status_;
  if (error == HPE_OK || (error == HPE_PAUSED && parser_->complete)) return 0;
  // The request line is well-formed: it is the method that is unknown.
  const bool unknownMethod = error == HPE_INVALID_METHOD || error == HPE_INVALID_CONSTANT;
  return unknownMethod ? kNotImplemented : kBadRequest;
}

Request::Span RequestReader::spanOf(const char* at, std::size_t length) const noexcept {
  return {static_cast<std::uint32_t>(at - request_.head_.data()),
          static_cast<std::uint32_t>(length)};
}

int RequestReader::headersComplete() {
  if (const int status = takeHeadersApart(); status != 0) return status;
  if (const int status = checkFields(request_); status != 0) return status;
  // For a body in chunks this is zero.
  if (parser_->state.content_length > limits_.bodyBytes) return kBodyTooLarge;
  return 0;
}

// Each line of the head must be one field whose name is a token right before its colon.
int RequestReader::takeHeadersApart() {
  if (request_.fields_.size() + 1 != lines_.lines()) return kBadRequest;
  for (Request::FieldSpan& field : request_.fields_) {
    const std::string_view name = request_.view(field.name);
    if (name.empty() || !allOctets(name, octet::kToken)) return kBadRequest;
    if (request_.head_[field.name.begin + field.name.length] != ':') return kBadRequest;
    const std::string_view value = trimmed(request_.view(field.value));
    field.value = value.empty() ? Request::Span{} : spanOf(value.data(), value.size());
  }
  return 0;
}

RequestReader::Step RequestReader::readBody(Buffer& input) {
  const std::string_view bytes = input.view();
  if (bytes.empty()) return Step::kMore;
  parser_->unchecked = bytes.data();
  status_ = 0;
  const llhttp_errno_t error = parser_->execute(bytes);
  if (status_ != 0) return fail(status_);
  const bool complete = error == HPE_PAUSED && parser_->complete;
  const bool bad = error != HPE_OK && !complete;
  // Of bad bytes, those before the fault: a limit that they exceed comes first.
  const char* end =
      error == HPE_OK ? bytes.data() + bytes.size() : llhttp_get_error_pos(&parser_->state);
  if (parser_->chunked && !checkBetweenChunks(end)) return fail(status_);
  if (bad) return fail(kBadRequest);
  input.retrieve(static_cast<std::size_t>(end - bytes.data()));
  return complete ? Step::kRequest : Step::kMore;
}

// Sizes, extensions, the line ends of chunks, and trailers. On false, status_ says why.
bool RequestReader::checkBetweenChunks(const char* end) {
  const std::string_view bytes(parser_->unchecked,
                               static_cast<std::size_t>(end - parser_->unchecked));
  parser_->unchecked = end;
  // What comes first decides, as it would if each byte came alone.
  const std::string_view within = bytes.substr(0, parser_->allowance);
  parser_->allowance -= within.size();
  if (parser_->chunkLines.feed(within, false) == LineCheck::Result::kMalformed) {
    status_ = kBadRequest;
  } else if (within.size() < bytes.size()) {
    status_ = kHeadTooLarge;
  } else {
    return true;
  }
  return false;
}

}  // namespace tern::http
