// EachPoller: the list.
#include "EachPoller.h"

#include "SelectPoller.h"

namespace tern::testing {

const std::vector<PollerCase>& everyPoller() {
  static const std::vector<PollerCase> cases = [] {
    UringOptions tiny;
    tiny.submissionEntries = 4;
    tiny.completionEntries = 8;
    tiny.bufferCount = 2;
    tiny.bufferSize = 8;
    tiny.bulkReceiveSize = 32;
    UringOptions byReadiness;
    byReadiness.completion = false;
    return std::vector<PollerCase>{
        {"poll", PollerKind::kPoll},
        {"epoll", PollerKind::kEPoll},
        {"io_uring", PollerKind::kUring},
        {"io_uring_tiny", tiny},
        {"io_uring_readiness", byReadiness},
        {"select", PollerSpec([] { return std::make_unique<SelectPoller>(); }, "select")},
    };
  }();
  return cases;
}

}  // namespace tern::testing
