// StaticFiles: openat2() for safety, pread() as the client reads.
#include "StaticFiles.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <tern/http/Date.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "ByteRange.h"

namespace tern::examples {
namespace {

using http::Request;
using http::Responder;
using http::Response;

constexpr std::uint64_t kPiece = std::uint64_t{256} * 1024;

// Without O_NONBLOCK, opening a FIFO would wait for its other end.
constexpr std::uint64_t kOpenFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;

std::string_view mediaType(std::string_view path) {
  using Entry = std::pair<std::string_view, std::string_view>;
  static constexpr std::array kTypes = {
      Entry{".css", "text/css; charset=utf-8"},
      Entry{".gif", "image/gif"},
      Entry{".htm", "text/html; charset=utf-8"},
      Entry{".html", "text/html; charset=utf-8"},
      Entry{".ico", "image/x-icon"},
      Entry{".jpeg", "image/jpeg"},
      Entry{".jpg", "image/jpeg"},
      Entry{".js", "text/javascript; charset=utf-8"},
      Entry{".json", "application/json"},
      Entry{".md", "text/markdown; charset=utf-8"},
      Entry{".mp4", "video/mp4"},
      Entry{".pdf", "application/pdf"},
      Entry{".png", "image/png"},
      Entry{".svg", "image/svg+xml"},
      Entry{".txt", "text/plain; charset=utf-8"},
      Entry{".wasm", "application/wasm"},
      Entry{".webp", "image/webp"},
      Entry{".xml", "application/xml"},
  };
  for (const auto& [extension, type] : kTypes) {
    if (path.ends_with(extension)) return type;
  }
  return "application/octet-stream";
}

Response plain(int status) {
  return {status, std::to_string(status) + ' ' + std::string(http::reasonPhrase(status)) + '\n'};
}

// The bytes from there on, at least one; at most so many.
std::string readPiece(const UniqueFd& fd, std::uint64_t offset, std::uint64_t most) {
  std::string piece(static_cast<std::size_t>(most), '\0');
  ssize_t n = 0;
  do {
    n = ::pread(fd.get(), piece.data(), piece.size(), static_cast<off_t>(offset));
  } while (n < 0 && errno == EINTR);
  // The file may have become shorter than it said.
  if (n <= 0) throw std::system_error(n < 0 ? errno : ENODATA, std::system_category(), "pread");
  piece.resize(static_cast<std::size_t>(n));
  return piece;
}

// A large file on its way to a client. When it can't be read to its end, the responder is dropped
// unfinished, which closes the connection: the client must not take a part for the whole.
class FileOnItsWay {
 public:
  FileOnItsWay(UniqueFd fd, const ByteRange& range, Responder responder)
      : fd_(std::move(fd)),
        offset_(range.begin),
        left_(range.length),
        responder_(std::move(responder)) {}

  [[nodiscard]] Responder& responder() { return responder_; }

  /// Sends a piece; true while more are to come.
  bool sendPiece() {
    std::string piece = readPiece(fd_, offset_, std::min(left_, kPiece));
    offset_ += piece.size();
    left_ -= piece.size();
    responder_.write(std::move(piece));
    if (left_ > 0) return true;
    responder_.finish();
    return false;
  }

 private:
  UniqueFd fd_;
  std::uint64_t offset_;
  std::uint64_t left_;
  Responder responder_;
};

bool notModified(const Request& request, std::time_t modified) {
  if (request.header("If-None-Match")) return false;  // which takes precedence, and nothing matches
  const auto since = request.header("If-Modified-Since");
  const auto time = since ? http::parseDate(*since) : std::nullopt;
  return time && modified <= *time;
}

// If-Range: only of the file that the client already has a part of.
ByteRange rangeFor(const Request& request, const struct stat& file, std::string_view lastModified) {
  const auto size = static_cast<std::uint64_t>(file.st_size);
  const auto header = request.header("Range");
  const auto condition = request.header("If-Range");
  if (!header || request.isHead() || (condition && *condition != lastModified)) {
    return {ByteRange::Kind::kWhole, 0, size};
  }
  return parseRange(*header, size);
}

void sendFile(const Request& request, UniqueFd fd, const struct stat& file, std::string_view type,
              Responder responder) {
  const std::string lastModified = http::formatDate(file.st_mtime);
  if (notModified(request, file.st_mtime)) {
    responder.send(Response(304).addHeader("Last-Modified", lastModified));
    return;
  }
  const ByteRange range = rangeFor(request, file, lastModified);
  const std::string size = std::to_string(file.st_size);
  if (range.kind == ByteRange::Kind::kUnsatisfiable) {
    responder.send(plain(416).addHeader("Content-Range", "bytes */" + size));
    return;
  }
  const bool part = range.kind == ByteRange::Kind::kPart;
  Response head(part ? 206 : 200);
  head.addHeader("Content-Type", type);
  head.addHeader("Last-Modified", lastModified);
  head.addHeader("Accept-Ranges", "bytes");
  if (part) {
    head.addHeader("Content-Range", "bytes " + std::to_string(range.begin) + '-' +
                                        std::to_string(range.begin + range.length - 1) + '/' +
                                        size);
  }
  if (!request.isHead() && range.length > 0 && range.length <= kPiece) {
    std::string whole = readPiece(fd, range.begin, range.length);
    // Else the file has become shorter meanwhile, which the pieces below find out.
    if (whole.size() == range.length) {
      responder.send(std::move(head.setBody(std::move(whole))));
      return;
    }
  }
  responder.start(std::move(head), range.length);
  if (request.isHead() || range.length == 0) {
    responder.finish();
    return;
  }
  const auto onItsWay = std::make_shared<FileOnItsWay>(std::move(fd), range, std::move(responder));
  if (!onItsWay->sendPiece()) return;
  onItsWay->responder().onReady([onItsWay] { onItsWay->sendPiece(); });
}

}  // namespace

StaticFiles::StaticFiles(const std::string& folder)
    : folder_(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  if (!folder_) {
    throw std::invalid_argument("--root " + folder + ": " + std::system_category().message(errno));
  }
  // Asked now: without openat2() (Linux 5.6, and not in every container) nothing could be served.
  struct stat file{};
  if (!open(".", file)) {
    throw std::invalid_argument("--root " + folder +
                                ": openat2(): " + std::system_category().message(errno));
  }
}

UniqueFd StaticFiles::open(const std::string& path, struct stat& file) const {
  open_how how{};
  how.flags = kOpenFlags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  UniqueFd fd(
      static_cast<int>(::syscall(SYS_openat2, folder_.get(), path.c_str(), &how, sizeof how)));
  return fd && ::fstat(fd.get(), &file) == 0 ? std::move(fd) : UniqueFd();
}

void StaticFiles::handle(const Request& request, Responder responder) const {
  if (request.method() != "GET" && !request.isHead()) {
    responder.send(plain(405).addHeader("Allow", "GET, HEAD"));
    return;
  }
  const std::optional<std::string> decoded = request.decodedPath();
  if (!decoded) {
    responder.send(plain(400));
    return;
  }
  // Relative, and "." for the root itself.
  std::string path = '.' + *decoded;
  struct stat file{};
  UniqueFd fd = open(path, file);
  if (fd && S_ISDIR(file.st_mode)) {
    path += "/index.html";
    fd = open(path, file);
  }
  if (!fd || !S_ISREG(file.st_mode)) {
    responder.send(plain(fd || errno != EACCES ? 404 : 403));
    return;
  }
  sendFile(request, std::move(fd), file, mediaType(path), std::move(responder));
}

}  // namespace tern::examples
