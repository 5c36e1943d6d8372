// StaticFiles: the files below a folder, over HTTP.
#pragma once

#include <sys/stat.h>
#include <tern/base/UniqueFd.h>
#include <tern/http/Service.h>

#include <string>
#include <string_view>

namespace tern::examples {

/// Serves GET and HEAD, with Last-Modified, If-Modified-Since and single ranges; a directory is its
/// index.html. The kernel sees to it that no path and no symbolic link leads out of the folder.
/// Files are read a piece at a time, as fast as the client takes them. Any thread.
class StaticFiles {
 public:
  /// Throws std::invalid_argument when the folder can't be opened.
  explicit StaticFiles(const std::string& folder);

  void handle(const http::Request& request, http::Responder responder) const;

 private:
  /// None, and errno, when it can't be opened.
  [[nodiscard]] UniqueFd open(const std::string& path, struct stat& file) const;

  UniqueFd folder_;
};

}  // namespace tern::examples
