// Error helpers: the two ways that tern fails.
#include "tern/base/Error.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "tern/base/Logging.h"

namespace tern {

void throwSystemError(int errnum, const std::string& what) {
  std::string advice;
  if (errnum == EMFILE) advice = "; the process has no file descriptor left (ulimit -n)";
  if (errnum == ENFILE) advice = "; the system has no file descriptor left (fs.file-max)";
  throw std::system_error(systemError(errnum), what + advice);
}

void contractViolation(const std::string& sentence, const std::source_location& where) noexcept {
  // Whatever the log level: nobody must be left to guess why the process ended.
  if (logEnabled(LogLevel::kError)) {
    log(LogLevel::kError, sentence, where);
  } else {
    std::fprintf(stderr, "tern: %s\n", sentence.c_str());
  }
  std::abort();
}

}  // namespace tern
