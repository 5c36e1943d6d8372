// ServerUnix: a server on a Unix-domain socket, with a file and without.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "support/Folder.h"
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

namespace fs = std::filesystem;

class ServerUnix : public ServerFixture {
 protected:
  ServerUnix() { listenAddress = SocketAddress::unixPath(file().string()); }

  [[nodiscard]] fs::path file() const { return folder_.path() / "socket"; }

  void expectEcho(const std::string& words) {
    Peer peer(address());
    peer.sendAll(words);
    expectSameBytes(peer.receiveExactly(words.size()), words);
  }

  // What a server says that can't be made; empty if it can.
  [[nodiscard]] std::string refusalOf(TcpServer::Option option) const {
    EventLoop own(GetParam().spec);
    try {
      const TcpServer refused(&own, listenAddress, "refused", option);
    } catch (const std::system_error& error) {
      return error.what();
    }
    return {};
  }

 private:
  Folder folder_;
};

TEST_P(ServerUnix, EchoesAndKnowsBothEnds) {
  serveEcho();
  EXPECT_EQ(address(), listenAddress);
  EXPECT_EQ(server().ipPort(), "unix:" + file().string());
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  EXPECT_TRUE(connection->peerAddress().isUnix());
  EXPECT_EQ(connection->peerAddress().toString(), "unix:");
  EXPECT_EQ(runOnLoop([&] { return connection->localAddress(); }), address());
  const std::string words = patternOf(GetParam().isTiny() ? 1000 : 1'000'000);
  std::thread sender([&] { peer.sendAll(words); });
  expectSameBytes(peer.receiveExactly(words.size()), words);
  sender.join();
  peer.shutdownWrite();
  EXPECT_EQ(peer.receiveUntilEof(), "");
  EXPECT_EQ(closed().reason, std::error_code());
}

TEST_P(ServerUnix, ServesAnAbstractName) {
  listenAddress = SocketAddress::unixAbstract("tern-test-" + std::to_string(::getpid()) + "-" +
                                              GetParam().name);
  serveEcho();
  expectEcho("hello");
  EXPECT_TRUE(fs::is_empty(file().parent_path()));
}

TEST_P(ServerUnix, HandsConnectionsToSeveralLoops) {
  serve([](TcpServer& server) {
    server.setThreadNum(2);
    server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
      connection->send(buffer);
    });
  });
  for (int i = 0; i < 8; ++i) expectEcho("ping");
}

TEST_P(ServerUnix, ReportsAPeerThatLeftWithoutReading) {
  serveEcho();
  Peer peer(address());
  peer.sendAll("words that come back and stay unread");
  const TcpConnectionPtr connection = accepted();
  ASSERT_TRUE(eventually([&] { return peer.receiveSome(1) == "w"; }));
  peer.close();
  // A reset, or, if the server was sending just then, a broken pipe.
  EXPECT_NE(closed().reason, std::error_code());
}

TEST_P(ServerUnix, RemovesItsFileWhenItStops) {
  serveEcho();
  EXPECT_TRUE(fs::is_socket(file()));
  stopServer();
  EXPECT_FALSE(fs::exists(file()));
}

TEST_P(ServerUnix, LeavesAFileThatAnotherHasPutInItsPlace) {
  serveEcho();
  fs::remove(file());
  std::ofstream(file()) << "mine";
  stopServer();
  EXPECT_TRUE(fs::is_regular_file(file()));
}

TEST_P(ServerUnix, ReplacesTheSocketOfAServerThatIsGone) {
  {
    const UniqueFd gone(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(gone.get(), listenAddress.sockAddr(), listenAddress.sockAddrLength()), 0);
  }
  ASSERT_TRUE(fs::is_socket(file()));
  serveEcho();
  expectEcho("hello");
}

TEST_P(ServerUnix, RefusesTheNameOfAServerThatIsThere) {
  serveEcho();
  runOnLoop([this] {
    try {
      const TcpServer another(&loop(), address(), "another");
      ADD_FAILURE() << "two servers listen on one name";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::address_in_use);
      EXPECT_NE(std::string(error.what()).find(file().string()), std::string::npos);
    }
  });
  expectEcho("still there");
}

TEST_P(ServerUnix, RefusesTheNameOfAFileThatIsNoSocket) {
  std::ofstream(file()) << "precious";
  EXPECT_NE(refusalOf(TcpServer::Option::kNoReusePort), "");
  EXPECT_TRUE(fs::is_regular_file(file()));
  EXPECT_EQ(fs::file_size(file()), 8U);
}

TEST_P(ServerUnix, RefusesAListenerALoop) {
  EXPECT_NE(refusalOf(TcpServer::Option::kReusePort).find("SO_REUSEPORT"), std::string::npos);
}

TERN_ON_EACH_POLLER(ServerUnix);

}  // namespace
}  // namespace tern::testing
