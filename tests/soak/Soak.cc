// Soak: the periods, what happens in one, and the comparison of the end with the beginning.
#include "Soak.h"

#include <sys/socket.h>
#include <tern/net/EventLoop.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <future>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "Churn.h"
#include "RingBuffers.h"
#include "Shortage.h"
#include "support/Descriptors.h"
#include "support/ServerFixture.h"

namespace tern::soak {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kServerLoops = 2;
constexpr std::size_t kClients = 12;
constexpr Duration kLongestPeriod = 5s;
constexpr Duration kLongestWarmUp = 60s;
constexpr Duration kWarm = 10s;
constexpr Duration kBetweenSamples = 2s;
constexpr Duration kDrain = 300ms;
// Of the listener, and of the port's holder.
constexpr int kRestingSockets = 2;

// Bound, and never listening: while the server is away its port is nobody else's, in particular
// not that of a client which is about to connect to it.
UniqueFd holdPort() {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  const SocketAddress any(0, true);
  if (::bind(fd.get(), any.sockAddr(), any.sockAddrLength()) != 0) {
    throw std::system_error(errno, std::system_category(), "no port");
  }
  return fd;
}

int countOf(const std::map<std::string, int>& counts, const std::string& name) {
  const auto found = counts.find(name);
  return found == counts.end() ? 0 : found->second;
}

void add(std::vector<std::string>& list, std::vector<std::string> more) {
  for (std::string& entry : more) list.push_back(std::move(entry));
}

}  // namespace

Soak::Soak(const PollerSpec& spec, bool isUring, std::uint32_t seed, Tally& tally)
    : tally_(tally),
      isUring_(isUring),
      random_(seed),
      serverThread_(spec, {}, "soak-server"),
      clientThread_(spec, {}, "soak-clients"),
      serverLoop_(*serverThread_.startLoop()),
      clientLoop_(*clientThread_.startLoop()),
      portHolder_(holdPort()),
      address_(SocketAddress::localOf(portHolder_.get()).value()),
      service_(tally),
      fleet_(clientLoop_, address_, kClients, tally, random_),
      crowd_(address_, tally, static_cast<std::uint32_t>(random_.bits())) {
  // Before the first measurement: what is made once counts as held from the beginning.
  static_cast<void>(patternFile());
}

Soak::~Soak() {
  testing::runOn(serverLoop_, [this] { server_.reset(); });
}

void Soak::run(Duration length, const std::atomic<bool>& stop, Outcome& outcome) {
  const Timestamp began = Clock::now();
  const Timestamp warm = began + std::min(length / 4, kLongestWarmUp);
  const Timestamp end = began + length;
  const auto periods = std::max(2L, std::lround(std::ceil((end - warm) / kLongestPeriod)));
  const Duration period = std::min<Duration>((end - warm) / periods, warm - began);
  for (bool over = false; !over;) {
    const Timestamp until = Clock::now() + period;
    const bool measured = until >= warm && !outcome.before;
    const bool last = until + period / 2 >= end && !measured;
    // Three sorts of periods. The kernel spreads connections over several listeners by chance:
    // measuring needs one.
    const std::uint64_t sort = periods_++ % 3;
    const bool spread = sort == 1 && !measured && !last;
    if (spread) {
      startServer(TcpServer::Option::kReusePort);
    } else if (sort == 0) {
      startServerInShortage();
    } else {
      startServer();
    }
    fleet_.go();
    crowd_.go();
    shake(until, !spread, stop, outcome);
    over = last || stop;
    if (over) {
      outcome.after = rest(outcome);
    } else if (measured) {
      outcome.before = rest(outcome);
    } else {
      stopServer();
    }
    if (!over) ++tally_.restarts;
    outcome.seconds = std::chrono::duration<double>(Clock::now() - began).count();
  }
  compare(outcome, warm - began >= kWarm);
}

void Soak::startServer(TcpServer::Option option, const std::function<void()>& beforeItListens) {
  testing::runOn(serverLoop_, [&] {
    server_ = std::make_unique<TcpServer>(&serverLoop_, address_, "soak", option);
    server_->setThreadNum(kServerLoops);
    std::atomic<std::size_t> ready{0};
    server_->setThreadInitCallback([&](EventLoop*) {
      if (++ready == kServerLoops && beforeItListens) beforeItListens();
    });
    service_.serveOn(*server_);
    server_->start();
  });
  tally_.endDisturbance();
}

// A ring goes by the limit of the moment at which it is asked to accept.
void Soak::startServerInShortage() {
  Shortage shortage(tally_, random_);
  startServer(TcpServer::Option::kNoReusePort, [&shortage] { shortage.begin(); });
  shortage.pass(address_);
}

void Soak::stopServer() {
  tally_.beginDisturbance();
  auto done = std::make_shared<std::promise<void>>();
  server_->stop(kDrain, [done] { done->set_value(); });
  if (done->get_future().wait_for(testing::kPatience) != std::future_status::ready) {
    throw std::runtime_error("a server does not stop");
  }
  if (server_->connectionCount() != 0) tally_.fail("a server that has stopped has connections");
  testing::runOn(serverLoop_, [this] { server_.reset(); });
}

void Soak::shake(Timestamp until, bool shortages, const std::atomic<bool>& stop, Outcome& outcome) {
  const std::vector<EventLoop*> loops =
      testing::runOn(serverLoop_, [this] { return server_->loops(); });
  while (Clock::now() < until && !stop) {
    const std::size_t what = random_.upTo(15);
    if (what == 0 && shortages) {
      Shortage shortage(tally_, random_);
      shortage.begin();
      shortage.pass(address_);
    } else if (what < 4) {
      fleet_.replaceOne();
    } else if (what < 10) {
      churn(random_.oneIn(2) ? serverLoop_ : clientLoop_, tally_, random_);
    } else {
      churn(*loops[random_.upTo(loops.size() - 1)], tally_, random_);
    }
    sample(outcome);
    std::this_thread::sleep_for(std::chrono::milliseconds(random_.upTo(100)));
  }
}

void Soak::sample(Outcome& outcome) {
  const Timestamp now = Clock::now();
  if (now < nextSample_) return;
  nextSample_ = now + kBetweenSamples;
  outcome.resident.note(residentNow());
  outcome.descriptors.note(testing::openDescriptors().size());
}

Rest Soak::rest(Outcome& outcome) {
  crowd_.rest();
  fleet_.rest();
  awaitQuiet(kRestingSockets, outcome);
  if (isUring_) {
    const std::string missing = missingRingBuffers(*server_);
    if (!missing.empty()) outcome.drift.push_back("ring buffers: " + missing);
    awaitQuiet(kRestingSockets, outcome);
  }
  Rest result;
  result.serving = measureFootprint();
  stopServer();
  awaitQuiet(kRestingSockets - 1, outcome);
  result.without = measureFootprint();
  return result;
}

// What has ended is gone a moment later: a descriptor when the kernel holds no request on it, a
// timer when it fires into the void.
void Soak::awaitQuiet(int sockets, Outcome& outcome) {
  const auto connections = [this] { return server_ == nullptr ? 0 : server_->connectionCount(); };
  const auto openSockets = [] { return countOf(countDescriptors(), "socket"); };
  if (testing::eventually(
          [&] { return connections() == 0 && tally_.live == 0 && openSockets() == sockets; })) {
    return;
  }
  outcome.drift.push_back("at rest there are " + std::to_string(connections()) +
                          " connections of the server, " + std::to_string(tally_.live) +
                          " timers, functors and sessions, and " + std::to_string(openSockets()) +
                          " sockets instead of " + std::to_string(sockets));
}

void Soak::compare(Outcome& outcome, bool warm) {
  if (!outcome.before) return;
  const Rest& before = *outcome.before;
  const Rest& after = *outcome.after;
  add(outcome.drift, driftOfCounts(before.serving, after.serving));
  add(outcome.drift, driftOfCounts(before.without, after.without));
  add(outcome.drift, driftOfMemory(before.without, after.without, warm));
}

}  // namespace tern::soak
