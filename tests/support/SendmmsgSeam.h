// SendmmsgSeam: what the kernel answers to sendmmsg(), where a test needs an answer that loopback
// does not give: it never keeps a sender waiting.
#pragma once

#include <functional>

namespace tern::testing {

/// While it lives, each sendmmsg() of this process asks it first. One at a time.
class SendmmsgSeam {
 public:
  /// Is told how many datagrams are offered, and says how many the kernel is to see; or minus the
  /// errno that the call fails with.
  using Answer = std::function<int(unsigned offered)>;

  explicit SendmmsgSeam(Answer answer);
  SendmmsgSeam(const SendmmsgSeam&) = delete;
  SendmmsgSeam& operator=(const SendmmsgSeam&) = delete;
  ~SendmmsgSeam();

 private:
  Answer answer_;
};

}  // namespace tern::testing
