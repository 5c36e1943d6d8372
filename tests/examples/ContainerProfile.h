// ContainerProfile: the seccomp filter of a container that denies io_uring.
#pragma once

#include <linux/filter.h>

#include <initializer_list>
#include <vector>

namespace tern::testing {

/// Made by libseccomp before the fork, so that what is left for the child are two system calls.
class ContainerProfile {
 public:
  /// All calls are allowed but those named, which fail with errnum. Throws std::system_error.
  ContainerProfile(std::initializer_list<const char*> denied, int errnum);

  /// io_uring as Docker's default profile has it: io_uring_setup, io_uring_enter and
  /// io_uring_register fail, with EPERM. With ENOSYS, as in sandboxes that play an older kernel.
  static ContainerProfile withoutIoUring(int errnum);

  /// For ProcessOptions::beforeExec: from now on, for this process and its children. Ends the
  /// process when that can't be had.
  void enter() const noexcept;

 private:
  std::vector<sock_filter> program_;
};

}  // namespace tern::testing
