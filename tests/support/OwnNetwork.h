// OwnNetwork: a network of a test's own, in which it can be short of what the machine has plenty
// of.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace tern::testing {

/// Name and value below /proc/sys/net/.
using NetworkSettings = std::vector<std::pair<std::string, std::string>>;

/// Runs the body on a thread whose network has a loopback device and nothing else, and these
/// settings; so has that of the threads that it starts. Throws what the body throws. Returns why
/// such a network can't be had, without running the body; empty: it ran.
std::string runInOwnNetwork(const NetworkSettings& settings, const std::function<void()>& body);

}  // namespace tern::testing
