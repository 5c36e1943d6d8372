// Signals through signalfd: no handler, so no race between looking at a flag and going to sleep.
#include "Interrupt.h"

#include <sys/signalfd.h>

#include <cerrno>
#include <system_error>

namespace tern::load {

Interrupt::Interrupt() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  fd_ = UniqueFd(::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd_) throw std::system_error(errno, std::generic_category(), "signalfd");
  ::pthread_sigmask(SIG_BLOCK, &signals, &previous_);
}

Interrupt::~Interrupt() { ::pthread_sigmask(SIG_SETMASK, &previous_, nullptr); }

void Interrupt::take() {
  signalfd_siginfo info;
  while (::read(fd_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) ++count_;
}

}  // namespace tern::load
