// FewDescriptors: a process that has run out of file descriptors, or is about to.
#pragma once

#include <sys/resource.h>
#include <tern/base/UniqueFd.h>

#include <vector>

namespace tern::testing {

/// While it lives, the process can open so many descriptors more, and no others.
class FewDescriptors {
 public:
  /// Throws std::system_error.
  explicit FewDescriptors(int room);
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;
  ~FewDescriptors();

 private:
  rlimit before_{};
  std::vector<UniqueFd> fillers_;
};

}  // namespace tern::testing
