// RandomFaultsTest: thousands of short lives of servers and clients, of which any call may fail.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <tern/base/Logging.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpClient.h>
#include <tern/net/TcpServer.h>

#include <any>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "Links.h"
#include "RandomFaults.h"
#include "support/Descriptors.h"
#include "support/EachPoller.h"
#include "support/LogCapture.h"
#include "support/Sanitizers.h"
#include "support/faults/Faults.h"
#include "unit/Randomness.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

UniqueFd plainSocket(int mode = 0) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | mode, 0));
  if (!fd) throw std::system_error(errno, std::generic_category(), "socket");
  return fd;
}

std::size_t scenarios() {
  const char* given = std::getenv("TERN_TEST_SCENARIOS");
  if (given != nullptr) return std::strtoul(given, nullptr, 10);
  return kSanitized ? 60 : 250;
}

// What servers and clients have in common: a loop, faults, and the end.
class Scenario {
 public:
  Scenario(const PollerSpec& spec, Randomness& random)
      : random_(random),
        links_(random),
        plan_(
            random, [this](int fd) { return links_.mayBeCut(fd); }, [this] { links_.turnAway(); }),
        loop_(spec),
        faults_([this](const Asked& asked) { return noted(asked, plan_(asked)); }) {
    loop_.runEvery(1h, [] {});
  }
  Scenario(const Scenario&) = delete;
  Scenario& operator=(const Scenario&) = delete;
  virtual ~Scenario() = default;

  void run() {
    begin();
    if (::testing::Test::HasFatalFailure()) return;
    const std::size_t rates[] = {0, 50, 10, 3};
    plan_.setRate(rates[random_.upTo(3)]);
    const std::size_t most = random_.oneIn(5) ? 300 : 60;
    for (std::size_t left = random_.upTo(most); left > 0; --left) step();
    finish();
    links_.check();
  }
  [[nodiscard]] std::uint64_t injected() const { return faults_.injected(); }

 protected:
  virtual void begin() = 0;
  virtual void connectPeer() = 0;
  /// The kernel behaves from now on.
  virtual void settle() {}
  /// Whatever must go on until all connections have ended.
  virtual void tend() {}
  virtual void end() = 0;

  void onConnection(const TcpConnectionPtr& connection, std::uint16_t port) {
    if (connection->disconnected()) return links_.onConnection(linkOf(connection), connection);
    // Dead before it was accepted it has no address any more.
    Link& link = port == 0 ? links_.nameless() : links_.at(port);
    connection->setContext(&link);
    links_.onConnection(link, connection);
  }
  void onMessage(const TcpConnectionPtr& connection, Buffer& buffer) {
    links_.onMessage(linkOf(connection), buffer);
  }
  static Link& linkOf(const TcpConnectionPtr& connection) {
    return *std::any_cast<Link*>(connection->getContext());
  }

  void turn() {
    loop_.queueInLoop([this] { loop_.quit(); });
    runLoop();
  }
  // Sleeps, if there is nothing to do.
  void turnOfAMillisecond() {
    const TimerId timer = loop_.runAfter(1ms, [this] { loop_.quit(); });
    runLoop();
    loop_.cancel(timer);
  }
  [[nodiscard]] bool turnsUntil(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    for (int turns = 0; !condition(); ++turns) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      if (turns < 20) {
        turn();
      } else {
        turnOfAMillisecond();
      }
    }
    return true;
  }
  [[nodiscard]] bool allEnded() {
    tend();
    bool all = true;
    links_.forEach([&](Link& link) {
      if (link.peer) {
        const FaultsOff off;
        links_.peerReceive(link);
      }
      all = all && link.peerEnded && link.up == link.down;
    });
    return all;
  }

  Answer noted(const Asked& asked, const Answer& answer) {
    if (answer.error == 0 && answer.atMost >= asked.length && !answer.once && !answer.late) {
      return answer;
    }
    log(LogLevel::kInfo,
        "fault: " + std::string(nameOf(asked.call)) + " on " + std::to_string(asked.fd) +
            ", error " + std::to_string(answer.error) + (answer.once ? ", once" : "") +
            (answer.late ? ", late" : "") +
            (answer.atMost < asked.length
                 ? ", " + std::to_string(answer.atMost) + " of " + std::to_string(asked.length)
                 : ""));
    return answer;
  }

  Randomness& random_;
  Links links_;
  RandomFaults plan_;
  EventLoop loop_;
  Faults faults_;

 private:
  void runLoop() {
    try {
      loop_.loop();
    } catch (const Thrown&) {  // NOLINT(bugprone-empty-catch): nothing but the callback is lost
    } catch (const std::exception& error) {
      ADD_FAILURE() << "loop() threw: " << error.what();
    }
  }

  void step() {
    const std::size_t what = random_.upTo(11);
    if (what >= 7) return turn();
    if (what == 6) {
      if (Link* link = links_.someConnection()) links_.act(*link);
      return;
    }
    const FaultsOff off;
    if (what == 0) return connectPeer();
    Link* const link = links_.somePeer();
    if (link == nullptr) return;
    switch (what) {
      case 1:
      case 2:
        return links_.peerSend(*link);
      case 3:
        return links_.peerReceive(*link);
      case 4:
        if (random_.oneIn(3)) Links::peerFinish(*link);
        return;
      default:
        if (!random_.oneIn(6)) return;
        return random_.oneIn(2) ? links_.peerReset(*link) : Links::peerClose(*link);
    }
  }

  // However it was left, all comes to its end once the kernel behaves.
  void finish() {
    plan_.setRate(0);
    links_.calmDown();
    turn();
    settle();
    links_.forEach([](Link& link) {
      if (link.peer) {
        const FaultsOff off;
        Links::peerFinish(link);
      }
      if (!link.up || link.down) return;
      link.connection->startRead();
      link.connection->showInputAgain();
      link.connection->shutdown();
    });
    EXPECT_TRUE(turnsUntil([this] { return allEnded(); })) << "connections that do not end";
    if (random_.oneIn(20)) expectQuiet();
    end();
  }

  // A loop that spins shows thousands of waits.
  void expectQuiet() {
    for (int i = 0; i < 3; ++i) turnOfAMillisecond();
    const std::uint64_t before = loop_.poller().stats().waits;
    for (int i = 0; i < 3; ++i) turnOfAMillisecond();
    EXPECT_LT(loop_.poller().stats().waits - before, 60U) << "waits in three milliseconds";
  }
};

class ServerScenario final : public Scenario {
 public:
  using Scenario::Scenario;

 private:
  void begin() override {
    server_ = std::make_unique<TcpServer>(&loop_, SocketAddress(0, true), "test");
    server_->setConnectionCallback([this](const TcpConnectionPtr& connection) {
      onConnection(connection, connection->peerAddress().port());
    });
    server_->setMessageCallback([this](const TcpConnectionPtr& connection, Buffer* buffer,
                                       Timestamp) { onMessage(connection, *buffer); });
    if (random_.oneIn(2)) server_->setWriteCompleteCallback([](const TcpConnectionPtr&) {});
    server_->start();
  }

  void connectPeer() override {
    UniqueFd fd = plainSocket();
    const SocketAddress& address = server_->address();
    if (::connect(fd.get(), address.sockAddr(), address.sockAddrLength()) != 0) return;
    const std::uint16_t port = SocketAddress::localOf(fd.get())->port();
    links_.at(port).peer = std::move(fd);
  }

  void end() override {
    bool done = false;
    server_->stop(random_.upTo(2) * 1ms, [&] { done = true; });
    EXPECT_TRUE(turnsUntil([&] { return done; })) << "stop() does not come to its end";
    EXPECT_EQ(server_->connectionCount(), 0U);
    server_.reset();
  }

  std::unique_ptr<TcpServer> server_;
};

class ClientScenario final : public Scenario {
 public:
  using Scenario::Scenario;

 private:
  void begin() override {
    listener_ = plainSocket(SOCK_NONBLOCK);
    const SocketAddress any(0, true);
    ASSERT_EQ(::bind(listener_.get(), any.sockAddr(), any.sockAddrLength()), 0)
        << "all ports may be taken, or in TIME_WAIT; fewer scenarios a minute leave some";
    ASSERT_EQ(::listen(listener_.get(), 16), 0);
    client_ = std::make_unique<TcpClient>(&loop_, *SocketAddress::localOf(listener_.get()), "test");
    links_.turnAway();  // an attempt that is given up may have been accepted
    client_->setRetry({1ms, 3ms});
    client_->setConnectTimeout(20ms);
    client_->setConnectionCallback([this](const TcpConnectionPtr& connection) {
      onConnection(connection, connection->localAddress().port());
    });
    client_->setMessageCallback([this](const TcpConnectionPtr& connection, Buffer* buffer,
                                       Timestamp) { onMessage(connection, *buffer); });
    client_->connect();
  }

  void connectPeer() override {
    accept();
    if (random_.oneIn(10)) client_->connect();
    if (random_.oneIn(20)) client_->disconnect();
  }

  // Whatever has happened to it, it finds its server, which is there.
  void settle() override {
    client_->connect();
    const auto connected = [this] {
      const TcpConnectionPtr connection = client_->connection();
      return connection != nullptr && connection->connected();
    };
    EXPECT_TRUE(turnsUntil(connected)) << "a client does not connect";
    client_->stop();
    settled_ = true;
  }

  void tend() override {
    const FaultsOff off;
    accept();
  }

  void accept() {
    for (;;) {
      UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!fd) return;
      const auto address = SocketAddress::peerOf(fd.get());
      if (!address) continue;
      Link& link = links_.at(address->port());
      link.peer = std::move(fd);
      if (settled_) Links::peerFinish(link);
    }
  }

  void end() override {
    client_.reset();
    turn();
  }

  UniqueFd listener_;
  std::unique_ptr<TcpClient> client_;
  bool settled_ = false;
};

template <class Kind>
void runScenarios(const PollerSpec& spec) {
  Randomness random;
  std::uint64_t injected = 0;
  const std::size_t count = scenarios();
  Links::prepare();
  const std::set<int> before = openDescriptors();
  for (std::size_t i = 0; i < count && !::testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("scenario " + std::to_string(i) + " of seed " + std::to_string(random.seed()));
    const LogCapture log;
    {
      Kind scenario(spec, random);
      scenario.run();
      injected += scenario.injected();
    }
    if (!::testing::Test::HasFailure()) continue;
    for (const std::string& line : log.lines()) std::cout << line << '\n';
  }
  EXPECT_EQ(openDescriptors(), before) << "descriptors at the end, and at the beginning";
  std::cout << count << " scenarios, " << injected << " faults\n";
}

class RandomFaultsOn : public OnEachPoller {};

TEST_P(RandomFaultsOn, AServerLosesNothingButWhatAFaultTook) {
  runScenarios<ServerScenario>(GetParam().spec);
}

TEST_P(RandomFaultsOn, AClientLosesNothingButWhatAFaultTook) {
  runScenarios<ClientScenario>(GetParam().spec);
}
TERN_ON_EACH_POLLER(RandomFaultsOn);

}  // namespace
}  // namespace tern::testing
