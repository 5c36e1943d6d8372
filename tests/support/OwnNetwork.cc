// OwnNetwork: a network namespace, which the kernel keeps for each thread.
#include "OwnNetwork.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <tern/base/UniqueFd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <fstream>
#include <system_error>
#include <thread>

namespace tern::testing {
namespace {

// Throws std::system_error.
void require(bool done, const std::string& what) {
  if (!done) throw std::system_error(errno, std::system_category(), what);
}

void switchLoopbackOn() {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", sizeof request.ifr_name - 1);
  require(::ioctl(fd.get(), SIOCGIFFLAGS, &request) == 0, "the loopback device");
  request.ifr_flags |= IFF_UP;
  require(::ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0, "the loopback device");
}

void enter(const NetworkSettings& settings) {
  require(::unshare(CLONE_NEWNET) == 0, "unshare(CLONE_NEWNET)");
  switchLoopbackOn();
  for (const auto& [name, value] : settings) {
    std::ofstream file("/proc/sys/net/" + name);
    file << value << std::flush;
    require(file.good(), "/proc/sys/net/" + name);
  }
}

}  // namespace

std::string runInOwnNetwork(const NetworkSettings& settings, const std::function<void()>& body) {
  std::string refusal;
  std::exception_ptr thrown;
  std::thread([&] {
    try {
      enter(settings);
    } catch (const std::system_error& error) {
      refusal = std::string("no network of the test's own: ") + error.what();
      return;
    }
    try {
      body();
    } catch (...) {
      thrown = std::current_exception();
    }
  }).join();
  if (thrown != nullptr) std::rethrow_exception(thrown);
  return refusal;
}

}  // namespace tern::testing
