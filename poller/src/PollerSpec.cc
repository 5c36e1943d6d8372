// PollerSpec: names, the environment variable, and the choice that auto makes.
#include "tern/poller/PollerSpec.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "EPollPoller.h"
#include "PollPoller.h"
#include "UringPoller.h"
#include "tern/base/Logging.h"

namespace tern {
namespace {

constexpr const char* kVariable = "TERN_POLLER";

struct Entry {
  std::string_view name;
  PollerKind kind;
};
constexpr Entry kKinds[] = {{"poll", PollerKind::kPoll},
                            {"epoll", PollerKind::kEPoll},
                            {"io_uring", PollerKind::kUring},
                            {"auto", PollerKind::kAuto}};

std::string_view nameOf(PollerKind kind) {
  for (const Entry& entry : kKinds) {
    if (entry.kind == kind) return entry.name;
  }
  throw std::invalid_argument("not a tern::PollerKind: " + std::to_string(static_cast<int>(kind)));
}

PollerKind kindNamed(std::string_view name, std::string_view where) {
  for (const Entry& entry : kKinds) {
    if (entry.name == name) return entry.kind;
  }
  throw std::invalid_argument(std::string(where) + "unknown poller '" + std::string(name) +
                              "'; use poll, epoll, io_uring or auto");
}

PollerFactory factoryOf(PollerKind kind) {
  switch (kind) {
    case PollerKind::kPoll:
      return [] { return std::make_unique<PollPoller>(); };
    case PollerKind::kEPoll:
      return [] { return std::make_unique<EPollPoller>(); };
    case PollerKind::kUring:
      return [] { return std::make_unique<UringPoller>(UringOptions{}); };
    case PollerKind::kAuto:
      break;
  }
  return {};
}

// The loops of a pool have the same to say: once is enough.
void warnOnce(std::atomic<bool>& said, const std::string& message) {
  if (!said.exchange(true)) log(LogLevel::kWarn, message);
}

PollerSpec::Made makeAuto() {
  std::string why;
  try {
    auto uring = std::make_unique<UringPoller>(UringOptions{});
    if (uring->missing().empty()) {
      return {std::move(uring), {"auto", "io_uring", "the kernel has all that it needs"}};
    }
    why = "the kernel's io_uring lacks " + uring->missing();
  } catch (const std::system_error& error) {
    why = error.what();
  }
  static constinit std::atomic<bool> said{false};
  warnOnce(said, "poller auto: epoll is used, because " + why);
  return {std::make_unique<EPollPoller>(), {"auto", "epoll", why}};
}

}  // namespace

PollerSpec::PollerSpec() : PollerSpec(PollerKind::kEPoll) {
  askedBy_ = "by default";
  const char* name = std::getenv(kVariable);
  if (name == nullptr || *name == '\0') return;
  *this = PollerSpec(kindNamed(name, std::string(kVariable) + ": "));
  askedBy_ = std::string("by ") + kVariable;
}

PollerSpec::PollerSpec(PollerKind kind) : asked_(nameOf(kind)), factory_(factoryOf(kind)) {}

PollerSpec::PollerSpec(PollerFactory factory, std::string name)
    : asked_(std::move(name)), factory_(std::move(factory)) {
  if (!factory_) throw std::invalid_argument("PollerSpec: the poller factory is empty");
}

PollerSpec::PollerSpec(const UringOptions& options)
    : PollerSpec([options] { return std::make_unique<UringPoller>(options); }, "io_uring") {}

PollerSpec PollerSpec::named(std::string_view name) { return {kindNamed(name, "")}; }

PollerSpec::Made PollerSpec::make() const {
  if (!factory_) return makeAuto();
  auto poller = factory_();
  if (poller == nullptr) {
    throw std::invalid_argument("the factory of poller '" + asked_ + "' made none");
  }
  const std::string chosen(poller->name());
  std::string reason = "asked for " + askedBy_;
  if (const std::string fallback = poller->fallback(); !fallback.empty()) {
    reason += "; " + fallback;
    static constinit std::atomic<bool> said{false};
    warnOnce(said, "poller " + chosen + ": " + fallback);
  }
  return {std::move(poller), {asked_, chosen, reason}};
}

}  // namespace tern
