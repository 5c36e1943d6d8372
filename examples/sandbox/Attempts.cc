// Attempts: one system call each, harmless where it is allowed.
#include "Attempts.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <tern/base/UniqueFd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace tern::examples {
namespace {

constexpr std::size_t kPage = 4096;

bool openFile() { return static_cast<bool>(UniqueFd(::open("/etc/passwd", O_RDONLY | O_CLOEXEC))); }

bool openSocket() {
  return static_cast<bool>(UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
}

// A folder: where this is allowed it fails, too, with another error, and the server goes on.
bool execute() {
  char name[] = "/";
  char* arguments[] = {name, nullptr};
  return ::execv(name, arguments) == 0;
}

bool mapCode() {
  void* page = ::mmap(nullptr, kPage, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return false;  // NOLINT(performance-no-int-to-ptr)
  ::munmap(page, kPage);
  return true;
}

struct Attempt {
  std::string_view name;
  bool (*make)();
};
constexpr Attempt kAttempts[] = {
    {"open", openFile}, {"socket", openSocket}, {"execve", execute}, {"mmap", mapCode}};

}  // namespace

std::string attempt(std::string_view what) {
  std::string known;
  for (const Attempt& each : kAttempts) {
    if (each.name == what) {
      const int error = each.make() ? 0 : errno;
      return std::string(what) + ": " +
             (error == 0 ? "done" : std::generic_category().message(error));
    }
    known += known.empty() ? "" : ", ";
    known += each.name;
  }
  return "try one of: " + known;
}

}  // namespace tern::examples
