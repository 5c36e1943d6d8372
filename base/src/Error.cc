// Error helpers: the two ways that tern fails.
#include "tern/base/Error.h"

#include <cstdlib>

#include "tern/base/Logging.h"

namespace tern {

void throwSystemError(int errnum, const std::string& what) {
  throw std::system_error(systemError(errnum), what);
}

void contractViolation(const std::string& sentence) noexcept {
  log(LogLevel::kError, sentence);
  std::abort();
}

}  // namespace tern
