// ContainerProfile: libseccomp's program, by way of a file in memory.
#include "ContainerProfile.h"

#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <tern/base/UniqueFd.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <system_error>

namespace tern::testing {
namespace {

void require(bool good, int errnum, const char* what) {
  if (!good) throw std::system_error(errnum, std::system_category(), what);
}

struct Release {
  void operator()(void* context) const noexcept { seccomp_release(context); }
};

}  // namespace

ContainerProfile::ContainerProfile(std::initializer_list<const char*> denied, int errnum) {
  const std::unique_ptr<void, Release> context(seccomp_init(SCMP_ACT_ALLOW));
  require(context != nullptr, ENOMEM, "seccomp_init");
  for (const char* name : denied) {
    const int number = seccomp_syscall_resolve_name(name);
    const int added = seccomp_rule_add(context.get(), SCMP_ACT_ERRNO(errnum), number, 0);
    require(added == 0, -added, name);
  }
  const UniqueFd file(::memfd_create("filter", MFD_CLOEXEC));
  require(static_cast<bool>(file), errno, "memfd_create");
  const int exported = seccomp_export_bpf(context.get(), file.get());
  require(exported == 0, -exported, "seccomp_export_bpf");
  const auto length = static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END));
  program_.resize(length / sizeof(sock_filter));
  const ssize_t n = ::pread(file.get(), program_.data(), length, 0);
  require(n == static_cast<ssize_t>(length), errno, "pread");
}

ContainerProfile ContainerProfile::withoutIoUring(int errnum) {
  return {{"io_uring_setup", "io_uring_enter", "io_uring_register"}, errnum};
}

void ContainerProfile::enter() const noexcept {
  // The kernel only reads it.
  const sock_fprog program{static_cast<unsigned short>(program_.size()),
                           const_cast<sock_filter*>(program_.data())};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    ::_exit(126);
  }
}

}  // namespace tern::testing
