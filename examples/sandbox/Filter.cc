// Filter: made and loaded by libseccomp.
#include "Filter.h"

#include <seccomp.h>

#include <cerrno>
#include <memory>
#include <new>
#include <string>
#include <system_error>

namespace tern::examples {
namespace {

struct Release {
  void operator()(void* context) const noexcept { seccomp_release(context); }
};
using Context = std::unique_ptr<void, Release>;

// libseccomp returns what others put into errno, negative.
void require(int result, const std::string& what) {
  if (result == 0) return;
  throw std::system_error(-result, std::generic_category(), "the sandbox: " + what);
}

std::uint32_t actionOf(Violation violation) {
  switch (violation) {
    case Violation::kKill:
      return SCMP_ACT_KILL_PROCESS;
    case Violation::kLog:
      return SCMP_ACT_LOG;
    case Violation::kErrno:
      break;
  }
  return SCMP_ACT_ERRNO(EPERM);
}

void allow(const Context& context, const AllowedCall& call) {
  // Negative: this machine's architecture lacks the call, as arm64 does epoll_wait, and so no
  // program makes it.
  const int number = seccomp_syscall_resolve_name(call.name);
  if (number < 0) return;
  const scmp_arg_cmp comparison{call.rule.index, SCMP_CMP_MASKED_EQ, call.rule.mask,
                                call.rule.value};
  const unsigned comparisons = call.rule.mask != 0 ? 1 : 0;
  require(seccomp_rule_add_array(context.get(), SCMP_ACT_ALLOW, number, comparisons, &comparison),
          std::string("no rule for ") + call.name);
}

}  // namespace

void confineProcess(const std::vector<AllowedCall>& allowed, Violation violation) {
  const Context context(seccomp_init(actionOf(violation)));
  if (context == nullptr) throw std::bad_alloc();
  // The loops' threads, too, which run already; and the kernel's own word when it refuses.
  require(seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_TSYNC, 1),
          "this kernel has no seccomp filters for all threads at once");
  require(seccomp_attr_set(context.get(), SCMP_FLTATR_API_SYSRAWRC, 1), "libseccomp 2.5 is needed");
  // Without it only root might load a filter; with it no program that is executed gains anything.
  require(seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_NNP, 1), "no-new-privs");
  for (const AllowedCall& call : allowed) allow(context, call);
  require(seccomp_load(context.get()), "the kernel does not load the seccomp filter");
}

}  // namespace tern::examples
