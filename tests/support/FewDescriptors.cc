// FewDescriptors: the soft limit, and no holes below it.
#include "FewDescriptors.h"

#include <fcntl.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "Descriptors.h"

namespace tern::testing {

FewDescriptors::FewDescriptors(int room) {
  ::getrlimit(RLIMIT_NOFILE, &before_);
  const int highest = *openDescriptors().rbegin();
  // The holes below do not count against the limit: they are filled.
  for (;;) {
    UniqueFd fd(::fcntl(0, F_DUPFD_CLOEXEC, 0));
    if (fd.get() < 0 || fd.get() > highest) break;
    fillers_.push_back(std::move(fd));
  }
  rlimit lowered = before_;
  lowered.rlim_cur = static_cast<rlim_t>(highest) + 1 + static_cast<rlim_t>(room);
  if (::setrlimit(RLIMIT_NOFILE, &lowered) != 0) {
    throw std::system_error(errno, std::system_category(), "setrlimit");
  }
}

FewDescriptors::~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

}  // namespace tern::testing
