// Messages: the pattern, which is not periodic within any size of block.
#include "Messages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "support/Peers.h"

namespace tern::soak {
namespace {

// Twice its period: any part of it is in one piece.
const std::string& pattern() {
  static const std::string bytes = [] {
    const std::string once = testing::patternOf(kPatternPeriod);
    return once + once;
  }();
  return bytes;
}

}  // namespace

std::string_view patternAt(std::uint32_t offset, std::size_t length) {
  return std::string_view(pattern()).substr(offset % kPatternPeriod, length);
}

const std::shared_ptr<const UniqueFd>& patternFile() {
  static const std::shared_ptr<const UniqueFd> file = [] {
    UniqueFd fd(::memfd_create("pattern", MFD_CLOEXEC));
    std::string_view left = pattern();
    while (!left.empty()) {
      const ssize_t n = ::write(fd.get(), left.data(), left.size());
      if (n < 0) throw std::system_error(errno, std::system_category(), "the pattern's file");
      left.remove_prefix(static_cast<std::size_t>(n));
    }
    return std::make_shared<const UniqueFd>(std::move(fd));
  }();
  return file;
}

std::string_view asBytes(const Header& header) {
  return {reinterpret_cast<const char*>(&header), sizeof header};
}

Header headerOf(std::string_view bytes) {
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header;
}

std::string frameOf(const Header& header) {
  std::string frame(asBytes(header));
  frame += patternAt(header.offset, header.length);
  return frame;
}

}  // namespace tern::soak
