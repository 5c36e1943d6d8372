// Process: a program started by a test, with its output and its end.
#pragma once

#include <sys/types.h>
#include <tern/base/UniqueFd.h>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace tern::testing {

struct ProcessOptions {
  std::vector<std::string> arguments;
  /// "NAME=value", added to the test's own. TERN_POLLER is not inherited.
  std::vector<std::string> environment;
  /// Runs in the child before the program does: system calls only.
  std::function<void()> beforeExec;
};

/// Waits that would be for ever throw std::runtime_error instead.
class Process {
 public:
  Process(const std::string& path, const ProcessOptions& options);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  /// Kills what still runs.
  ~Process();

  /// The next line of the standard output, without its end; throws when there is none.
  std::string readLine();
  void signal(int number) const;
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

  /// Waits for the end; the exit status, or minus the signal that killed it.
  int wait();
  /// After wait(): all that was written. The output includes the lines read.
  [[nodiscard]] const std::string& output() const noexcept { return output_; }
  [[nodiscard]] std::string errors() const;

 private:
  bool receive();

  pid_t pid_ = -1;
  UniqueFd out_;
  UniqueFd err_;  // a file in memory: it never fills up
  std::string output_;
  std::size_t read_ = 0;
};

/// From now on the system call fails in this process and its children. Ends the process when that
/// can't be had.
void denySystemCall(long number, int errnum) noexcept;
/// The same for those of its calls that have this second argument, which tells what shall be done.
void denyOperation(long number, unsigned operation, int errnum) noexcept;

}  // namespace tern::testing
