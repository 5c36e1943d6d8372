// Folder: a folder of a test's own.
#pragma once

#include <filesystem>

namespace tern::testing {

/// Empty at first, among the system's temporary files; removed at the end, with all that is in it.
class Folder {
 public:
  /// Throws std::system_error.
  Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder();

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace tern::testing
