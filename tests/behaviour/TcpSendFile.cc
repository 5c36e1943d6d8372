// TcpSendFile: files in a connection's output, in order with what is sent around them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <string>
#include <thread>

#include "support/LogCapture.h"
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

using SharedFd = std::shared_ptr<const UniqueFd>;

SharedFd fileOf(const std::string& bytes) {
  auto file = std::make_shared<UniqueFd>(::memfd_create("tern-test", MFD_CLOEXEC));
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t n = ::write(file->get(), bytes.data() + written, bytes.size() - written);
    if (n <= 0) throw std::runtime_error("a file can't be written");
    written += static_cast<std::size_t>(n);
  }
  return file;
}

class TcpSendFile : public ServerFixture {
 protected:
  // Some megabytes, where moving them does not take minutes.
  [[nodiscard]] std::size_t much() const {
    return GetParam().isTiny() ? std::size_t{20} * 1000 : std::size_t{9} * 1000 * 1000;
  }

  // The server sends what `step` sends, and closes.
  void serveOnce(const std::function<void(const TcpConnectionPtr&)>& step) {
    onUp = [step](const TcpConnectionPtr& connection) {
      step(connection);
      connection->shutdown();
    };
    serve([](TcpServer&) {});
  }
};

TEST_P(TcpSendFile, SendsAWholeFile) {
  const std::string bytes = patternOf(much());
  const SharedFd file = fileOf(bytes);
  serveOnce(
      [&](const TcpConnectionPtr& connection) { connection->sendFile(file, 0, bytes.size()); });
  Peer peer(address());
  expectSameBytes(peer.receiveUntilEof(), bytes);
}

TEST_P(TcpSendFile, KeepsFilesAndBytesInOrder) {
  const std::string bytes = patternOf(much() / 3);
  const SharedFd file = fileOf(bytes);
  serveOnce([&](const TcpConnectionPtr& connection) {
    connection->send("head|");
    connection->sendFile(file, 0, bytes.size());
    connection->send("|middle|");
    connection->send(std::string(100'000, 'm'));
    connection->sendFile(file, 10, 100);
    connection->sendFile(file, 1000, 1);
    connection->send("|tail");
  });
  Peer peer(address());
  expectSameBytes(peer.receiveUntilEof(), "head|" + bytes + "|middle|" + std::string(100'000, 'm') +
                                              bytes.substr(10, 100) + bytes[1000] + "|tail");
}

TEST_P(TcpSendFile, SendsManySmallParts) {
  const std::string bytes = patternOf(1000);
  const SharedFd file = fileOf(bytes);
  serveOnce([&](const TcpConnectionPtr& connection) {
    for (std::uint64_t i = 0; i < bytes.size(); i += 10) connection->sendFile(file, i, 10);
  });
  Peer peer(address());
  expectSameBytes(peer.receiveUntilEof(), bytes);
}

TEST_P(TcpSendFile, WorksForFilesThatCanOnlyBeRead) {
  // sendfile() takes nothing from here.
  auto file = std::make_shared<UniqueFd>(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  serveOnce([&](const TcpConnectionPtr& connection) {
    connection->send("<");
    connection->sendFile(file, 0, 6);
    connection->send(">");
  });
  Peer peer(address());
  EXPECT_EQ(peer.receiveUntilEof(), "<Name:\t>");
}

TEST_P(TcpSendFile, MaySendFromAnotherThread) {
  const std::string bytes = patternOf(much());
  const SharedFd file = fileOf(bytes);
  serve([](TcpServer&) {});
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  connection->send("head|");
  connection->sendFile(file, 0, bytes.size());
  connection->send("|tail");
  connection->shutdown();
  expectSameBytes(peer.receiveUntilEof(), "head|" + bytes + "|tail");
}

TEST_P(TcpSendFile, TellsOnceWhenAllHasLeft) {
  const std::string bytes = patternOf(much());
  const SharedFd file = fileOf(bytes);
  Mailbox<bool> complete;
  serve([&](TcpServer& server) {
    server.setWriteCompleteCallback([&](const TcpConnectionPtr& connection) {
      complete.put(true);
      connection->shutdown();
    });
  });
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  runOnLoop([&] {
    connection->send("head");
    connection->sendFile(file, 0, bytes.size());
  });
  EXPECT_EQ(peer.receiveUntilEof().size(), 4 + bytes.size());
  peer.close();
  closed();
  EXPECT_EQ(complete.total(), 1U);
}

TEST_P(TcpSendFile, CountsBytesBehindAFileButNotTheFile) {
  const SharedFd file = fileOf(patternOf(much()));
  serve([](TcpServer&) {});
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  runOnLoop([&] {
    connection->sendFile(file, 0, much());
    connection->send("12345");
    EXPECT_EQ(connection->outputBytes(), 5U);
  });
  connection->shutdown();
  EXPECT_EQ(peer.receiveUntilEof().size(), much() + 5);
}

TEST_P(TcpSendFile, HoldsLittleMemoryForAPeerThatDoesNotRead) {
  if (GetParam().isTiny()) GTEST_SKIP() << "it would take minutes to fill the way";
  const std::size_t size = std::size_t{64} * 1024 * 1024;
  const SharedFd file = fileOf(std::string(size, 'f'));
  serve([](TcpServer&) {});
  Peer peer(address(), 4096);
  const TcpConnectionPtr connection = accepted();
  connection->sendFile(file, 0, size);
  EXPECT_EQ(peer.receiveExactly(1000), std::string(1000, 'f'));
  statsOfTicks(20, std::chrono::milliseconds(1));
  EXPECT_LE(runOnLoop([&] { return connection->outputBytes(); }), std::size_t{512} * 1024);
  peer.close();
  EXPECT_NE(closed().reason, std::error_code());
}

TEST_P(TcpSendFile, AFileThatEndsTooEarlyClosesTheConnectionWithAnError) {
  const LogCapture logs;
  const SharedFd file = fileOf("short");
  serve([](TcpServer&) {});
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  runOnLoop([&] {
    connection->sendFile(file, 0, 100);
    connection->send("never");
  });
  EXPECT_EQ(closed().reason, std::errc::io_error);
  EXPECT_EQ(peer.receiveUntilEnd().bytes, "short");
}

TEST_P(TcpSendFile, ADescriptorThatIsNoFileClosesTheConnectionWithAnError) {
  const LogCapture logs;
  serve([](TcpServer&) {});
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  runOnLoop([&] { connection->sendFile(UniqueFd(), 0, 100); });
  EXPECT_EQ(closed().reason, std::errc::bad_file_descriptor);
}

TEST_P(TcpSendFile, ForAPeerThatIsGoneRaisesNoSignal) {
  const SharedFd file = fileOf(patternOf(much()));
  serve([](TcpServer&) {});
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  {
    const LoopHold hold(loop());
    connection->sendFile(file, 0, much());
    connection->sendFile(file, 0, much());
    peer.reset();
  }
  EXPECT_NE(closed().reason, std::error_code());
}

TEST_P(TcpSendFile, OfNothingSendsNothing) {
  serveOnce([&](const TcpConnectionPtr& connection) {
    connection->sendFile(fileOf("bytes"), 0, 0);
    connection->send("end");
  });
  Peer peer(address());
  EXPECT_EQ(peer.receiveUntilEof(), "end");
}

TEST_P(TcpSendFile, IsDroppedAfterShutdown) {
  serve([](TcpServer&) {});
  Peer peer(address());
  const TcpConnectionPtr connection = accepted();
  connection->shutdown();
  connection->sendFile(fileOf("late"), 0, 4);
  EXPECT_EQ(peer.receiveUntilEof(), "");
}

TEST_P(TcpSendFile, IsSentWholeAlthoughThePeerHasFinishedSending) {
  const std::string bytes = patternOf(much());
  const SharedFd file = fileOf(bytes);
  serveMessages([&](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    buffer->retrieveAll();
    connection->sendFile(file, 0, bytes.size());
  });
  Peer peer(address());
  peer.sendAll("please");
  peer.shutdownWrite();
  expectSameBytes(peer.receiveUntilEof(), bytes);
}

TERN_ON_EACH_POLLER(TcpSendFile);

}  // namespace
}  // namespace tern::testing
