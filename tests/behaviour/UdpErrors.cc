// UdpErrors: setting up, connected sockets and the network's refusals, IPv6, wrong threads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <thread>

#include "support/UdpFixture.h"

namespace tern::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// While it lives, no descriptor can be opened.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit none{0, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

// Expects that call() throws a system_error with this number that names the address.
template <class Call>
void expectRefused(int errnum, const SocketAddress& address, Call&& call) {
  try {
    call();
    FAIL() << address.toIpPort() << " was not refused";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::error_code(errnum, std::system_category()));
    EXPECT_THAT(error.what(), HasSubstr(address.toIpPort()));
  }
}

class UdpSetup : public UdpFixture {};

TEST_P(UdpSetup, APortInUseIsNamed) {
  expectRefused(EADDRINUSE, peer_.address(), [&] { const UdpSocket s(loop_, peer_.address()); });
  open({.reusePort = true});
  expectRefused(EADDRINUSE, socket_->address(),
                [&] { const UdpSocket s(loop_, socket_->address()); });
}

TEST_P(UdpSetup, AnAddressOfAnotherMachineIsNamed) {
  const SocketAddress other("192.0.2.1", 0);
  expectRefused(EADDRNOTAVAIL, other, [&] { const UdpSocket s(loop_, other); });
}

TEST_P(UdpSetup, AShortageOfDescriptorsIsNamedWithTheAddressAndWhatToDo) {
  const NoDescriptors shortage;
  const SocketAddress address(0, true);
  expectRefused(EMFILE, address, [&] { const UdpSocket s(loop_, address); });
  try {
    const UdpSocket s(loop_, UdpPeer{peer_.address()});
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), HasSubstr(peer_.address().toIpPort()));
    EXPECT_THAT(error.what(), HasSubstr("ulimit -n"));
  }
}

TEST_P(UdpSetup, WithReusePortSocketsShareAnAddress) {
  open({.reusePort = true});
  UdpSocket other(loop_, socket_->address(), {.reusePort = true});
  int gotOther = 0;
  other.setDatagramCallback([&](UdpSocket&, const UdpDatagram&) { ++gotOther; });
  // The kernel deals by peer.
  constexpr std::size_t kPeers = 64;
  for (std::size_t i = 0; i < kPeers; ++i) DatagramPeer().sendTo(socket_->address(), "x");
  runUntil(loop_, [&] { return got_.size() + gotOther == kPeers; });
  EXPECT_GT(got_.size(), 0U);
  EXPECT_GT(gotOther, 0);
}

TERN_ON_EACH_POLLER(UdpSetup);

class UdpConnected : public UdpFixture {};

TEST_P(UdpConnected, ExchangesWithItsPeerAlone) {
  openTo(peer_.address());
  EXPECT_EQ(socket_->peer(), peer_.address());
  EXPECT_EQ(socket_->send("question"), std::error_code());
  runTurns(loop_, 1);
  const DatagramPeer::Received question = peer_.receive();
  EXPECT_EQ(question.bytes, "question");
  EXPECT_EQ(question.from, socket_->address());
  DatagramPeer().sendTo(socket_->address(), "a stranger's answer");
  peer_.sendTo(socket_->address(), "answer");
  runUntilGot(1);
  EXPECT_THAT(got_, ElementsAre("answer"));
}

TEST_P(UdpConnected, MaySendToOthers) {
  openTo(peer_.address());
  const DatagramPeer other;
  socket_->send("one");
  socket_->send("other", other.address());
  runTurns(loop_, 1);
  EXPECT_EQ(peer_.receive().bytes, "one");
  EXPECT_EQ(other.receive().bytes, "other");
}

TEST_P(UdpConnected, IsToldThatNobodyIsThereAndServesOn) {
  const SocketAddress address = nobody();
  openTo(address);
  socket_->send("is anybody there?");
  runUntilErrors(1);
  EXPECT_EQ(errors_[0].code, std::errc::connection_refused);
  EXPECT_EQ(errors_[0].droppedFor, std::nullopt);
  EXPECT_EQ(socket_->stats().sent, 1U);
  EXPECT_LT(waitsAtRest(), 20U);

  const DatagramPeer late(address);
  socket_->send("and now?");
  runTurns(loop_, 1);
  EXPECT_EQ(late.receive().bytes, "and now?");
  late.sendTo(socket_->address(), "yes");
  runUntilGot(1);
  EXPECT_THAT(got_, ElementsAre("yes"));
  EXPECT_EQ(errors_.size(), 1U);
}

TEST_P(UdpConnected, IsToldThatNobodyIsThereWhileReadingIsStopped) {
  if (!GetParam().reportsErrorsWhilePaused()) {
    GTEST_SKIP() << GetParam().name << " does not report errors that nobody waits for";
  }
  openTo(nobody());
  socket_->stopRead();
  socket_->send("is anybody there?");
  runUntilErrors(1);
  EXPECT_EQ(errors_[0].code, std::errc::connection_refused);
  EXPECT_LT(waitsAtRest(), 20U);
}

TEST_P(UdpConnected, LosesNoDatagramToTheRefusalOfAnEarlierOne) {
  const SocketAddress address = nobody();
  // A queue of one: each leaves when the next one comes.
  openTo(address, {.queueLimit = 1});
  socket_->send("1");
  socket_->send("2");
  ASSERT_EQ(socket_->stats().sent, 1U);  // and refused, which the next call to the kernel is told
  const DatagramPeer late(address);
  socket_->send("3");
  runUntilErrors(1);
  EXPECT_EQ(late.receive().bytes, "2");
  EXPECT_EQ(late.receive().bytes, "3");
  EXPECT_EQ(errors_.size(), 1U);
  EXPECT_EQ(errors_[0].code, std::errc::connection_refused);
  EXPECT_EQ(errors_[0].droppedFor, std::nullopt);
  EXPECT_EQ(socket_->stats().dropped, 0U);
}

TEST_P(UdpConnected, QueuesOfErrorsThatAUserAskedForDoNotMakeTheLoopSpin) {
  open();
  const int on = 1;
  ASSERT_EQ(::setsockopt(socket_->fd(), IPPROTO_IP, IP_RECVERR, &on, sizeof on), 0);
  const SocketAddress address = nobody();
  for (int i = 0; i < 3; ++i) {
    socket_->send("is anybody there?", address);
    runTurns(loop_, 2);
  }
  runUntilErrors(1);
  EXPECT_EQ(errors_[0].code, std::errc::connection_refused);
  EXPECT_LT(waitsAtRest(), 20U);
}

TERN_ON_EACH_POLLER(UdpConnected);

class UdpIPv6 : public UdpFixture {
 protected:
  void SetUp() override {
    if (!machineHasIpv6()) GTEST_SKIP() << "this machine has no IPv6 loopback address";
  }
  void openOn(const SocketAddress& address) {
    socket_ = std::make_unique<UdpSocket>(loop_, address);
    socket_->setDatagramCallback([this](UdpSocket& socket, const UdpDatagram& datagram) {
      got_.push_back(datagram.peer.toIp());
      EXPECT_EQ(socket.send(datagram.bytes, datagram.peer), std::error_code());
    });
  }
};

TEST_P(UdpIPv6, EchoesOnTheLoopbackAddress) {
  openOn(SocketAddress("::1", 0));
  const DatagramPeer six(SocketAddress("::1", 0));
  six.sendTo(socket_->address(), "hello");
  runUntilGot(1);
  const DatagramPeer::Received echo = six.receive();
  EXPECT_EQ(echo.bytes, "hello");
  EXPECT_EQ(echo.from, socket_->address());
  EXPECT_THAT(got_, ElementsAre("::1"));
}

TEST_P(UdpIPv6, OnAllAddressesServesBothFamilies) {
  openOn(SocketAddress(0, false, true));
  const std::uint16_t port = socket_->address().port();
  const DatagramPeer six(SocketAddress("::1", 0));
  six.sendTo(SocketAddress("::1", port), "six");
  peer_.sendTo(SocketAddress("127.0.0.1", port), "four");
  runUntilGot(2);
  EXPECT_EQ(six.receive().bytes, "six");
  const DatagramPeer::Received echo = peer_.receive();
  EXPECT_EQ(echo.bytes, "four");
  EXPECT_EQ(echo.from, SocketAddress("127.0.0.1", port));
  EXPECT_THAT(got_, ElementsAre("::1", "::ffff:127.0.0.1"));
  // An IPv4 address will do, too.
  socket_->send("plain", peer_.address());
  runTurns(loop_, 1);
  EXPECT_EQ(peer_.receive().bytes, "plain");
}

TERN_ON_EACH_POLLER(UdpIPv6);

class UdpContractsDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(UdpContractsDeathTest, SendOnAnotherThread) {
  EXPECT_DEATH(
      {
        EventLoop loop;
        UdpSocket socket(loop, SocketAddress(0, true));
        std::thread([&socket] { socket.send("x", socket.address()); }).join();
      },
      "was called from a thread that does not own the loop; use runInLoop");
}

}  // namespace
}  // namespace tern::testing
