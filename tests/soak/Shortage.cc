// Shortage: a lowered limit, and clients whose sockets were made before.
#include "Shortage.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <tern/base/Clock.h>
#include <tern/base/UniqueFd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "Messages.h"
#include "support/Descriptors.h"
#include "support/ServerFixture.h"

namespace tern::soak {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kClients = 24;
// At least one, which the listener keeps in reserve when it starts.
constexpr std::size_t kMostRoom = 3;
constexpr auto kLongest = 300ms;

void require(bool good, const char* what) {
  if (!good) throw std::system_error(errno, std::system_category(), what);
}

}  // namespace

// While it lives, the process can open so many descriptors more, and those that others close.
class Shortage::Limit {
 public:
  explicit Limit(std::size_t room) {
    require(::getrlimit(RLIMIT_NOFILE, &before_) == 0, "getrlimit");
    rlimit lowered = before_;
    lowered.rlim_cur = static_cast<rlim_t>(*testing::openDescriptors().rbegin()) + 1 + room;
    require(::setrlimit(RLIMIT_NOFILE, &lowered) == 0, "setrlimit");
    // The holes below do not count against the limit: they are filled.
    for (;;) {
      UniqueFd fd(::fcntl(0, F_DUPFD_CLOEXEC, 0));
      if (!fd) break;
      fillers_.push_back(std::move(fd));
    }
    fillers_.resize(fillers_.size() - std::min(fillers_.size(), room));
  }
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;
  ~Limit() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
  std::vector<UniqueFd> fillers_;
};

// It asks for an echo of nothing.
class Shortage::Client {
 public:
  Client() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}

  enum class Fate : unsigned char { kWaiting, kServed, kTurnedAway };

  void connect(const SocketAddress& server) {
    if (!fd_ || (::connect(fd_.get(), server.sockAddr(), server.sockAddrLength()) != 0 &&
                 errno != EINPROGRESS)) {
      fate_ = Fate::kTurnedAway;
    }
  }

  [[nodiscard]] Fate look() {
    if (fate_ != Fate::kWaiting) return fate_;
    pollfd state{fd_.get(), static_cast<short>(asked_ ? POLLIN : POLLOUT), 0};
    if (::poll(&state, 1, 0) <= 0) return fate_;
    if (!asked_) {
      const Header header{};
      const std::string_view request = asBytes(header);
      static_cast<void>(::send(fd_.get(), request.data(), request.size(), MSG_NOSIGNAL));
      asked_ = true;
      return fate_;
    }
    std::array<char, sizeof(Header)> reply{};
    const ssize_t n = ::recv(fd_.get(), reply.data(), reply.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return fate_;
    fate_ = n > 0 ? Fate::kServed : Fate::kTurnedAway;
    if (fate_ == Fate::kTurnedAway) fd_.reset();
    return fate_;
  }

 private:
  UniqueFd fd_;
  Fate fate_ = Fate::kWaiting;
  bool asked_ = false;
};

Shortage::Shortage(Tally& tally, testing::Randomness& random)
    : tally_(tally), room_(1 + random.upTo(kMostRoom - 1)), clients_(kClients) {
  tally_.beginDisturbance();
}

Shortage::~Shortage() = default;

void Shortage::begin() { limit_ = std::make_unique<Limit>(room_); }

void Shortage::pass(const SocketAddress& server) {
  for (Client& client : clients_) client.connect(server);
  // While others take the one descriptor that the listener gave up, it can turn nobody away.
  const Timestamp end = Clock::now() + kLongest;
  while (!fatesKnown() && Clock::now() < end) std::this_thread::sleep_for(1ms);
  limit_.reset();
  if (!testing::eventually([this] { return fatesKnown(); })) {
    throw std::runtime_error("a client is neither served nor turned away after a shortage");
  }
  ++tally_.shortages;
  tally_.turnedAway += static_cast<std::uint64_t>(
      std::count_if(clients_.begin(), clients_.end(),
                    [](Client& client) { return client.look() == Client::Fate::kTurnedAway; }));
  clients_.clear();
  awaitService(server);
  tally_.endDisturbance();
}

bool Shortage::fatesKnown() {
  bool known = true;
  for (Client& client : clients_) known = client.look() != Client::Fate::kWaiting && known;
  return known;
}

// One that is served came behind all that the shortage may cost.
void Shortage::awaitService(const SocketAddress& server) {
  std::optional<Client> client;
  const bool served = testing::eventually([&] {
    if (!client || client->look() == Client::Fate::kTurnedAway) {
      client.emplace();
      client->connect(server);
    }
    return client->look() == Client::Fate::kServed;
  });
  if (!served) throw std::runtime_error("the server does not serve after a shortage");
}

}  // namespace tern::soak
