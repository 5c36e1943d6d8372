// Taking of the readings. All of one edge are taken together, so they cover the same stretch of
// time to within microseconds.
#include "Window.h"

#include <ctime>

namespace tern::load {
namespace {

Duration ownCpuTime() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + Duration{time.tv_nsec};
}

}  // namespace

Window::Window(const Options& options) {
  if (options.serverPid) server_.emplace(*options.serverPid);
}

void Window::open(const Tally& tally) { opening_ = read(tally); }

void Window::close(const Tally& tally, Result& result) const {
  const Reading closing = read(tally);
  result.measured = closing.at - opening_.at;
  result.requests = closing.tally.messages - opening_.tally.messages;
  result.bytes = closing.tally.bytes - opening_.tally.bytes;
  result.clientCpu = closing.clientCpu - opening_.clientCpu;
  if (opening_.serverCpu && closing.serverCpu) {
    result.serverCpu = *closing.serverCpu - *opening_.serverCpu;
  }
}

Window::Reading Window::read(const Tally& tally) const {
  Reading reading;
  reading.serverCpu = server_ ? server_->cpuTime() : std::nullopt;
  reading.clientCpu = ownCpuTime();
  reading.at = now();
  reading.tally = tally;
  return reading;
}

}  // namespace tern::load
