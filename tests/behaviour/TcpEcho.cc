// TcpEcho: what goes in comes out, for every size, many connections and several loops. The peer is
// Boost.Asio, so that tern is not its own judge.
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <iostream>
#include <random>
#include <thread>

#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// Sends a payload in chunks and reads at the same time; ends with a half-close and waits for the
// server's. Each byte that comes back is compared.
class EchoClient {
 public:
  using ChunkSize = std::function<std::size_t()>;

  EchoClient(asio::io_context& io, std::string payload, ChunkSize chunkSize)
      : socket_(io), payload_(std::move(payload)), chunkSize_(std::move(chunkSize)) {}

  void start(const SocketAddress& server) {
    const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(server.toIp()), server.port());
    socket_.async_connect(endpoint, [this](error_code error) {
      if (ended("connect", error)) return;
      socket_.set_option(asio::ip::tcp::no_delay(true));
      write();
      read();
    });
  }

  /// Empty once all came back and the server closed in order.
  [[nodiscard]] const std::string& verdict() const { return verdict_; }

 private:
  void write() {
    const std::size_t chunk = std::min(chunkSize_(), payload_.size() - sent_);
    if (chunk == 0) {
      error_code error;
      socket_.shutdown(asio::ip::tcp::socket::shutdown_send, error);
      ended("shutdown", error);
      return;
    }
    asio::async_write(socket_, asio::buffer(payload_.data() + sent_, chunk),
                      [this](error_code error, std::size_t written) {
                        if (ended("write", error)) return;
                        sent_ += written;
                        write();
                      });
  }

  void read() {
    socket_.async_read_some(asio::buffer(block_), [this](error_code error, std::size_t got) {
      if (error == asio::error::eof && received_ == payload_.size()) {
        verdict_.clear();
        return;
      }
      if (ended("read", error)) return;
      const std::string_view bytes(block_.data(), got);
      if (bytes != std::string_view(payload_).substr(received_, got)) {
        verdict_ = "the bytes differ after " + std::to_string(received_);
        socket_.close();
        return;
      }
      received_ += got;
      read();
    });
  }

  bool ended(const char* doing, error_code error) {
    if (!error) return false;
    verdict_ = std::string(doing) + ": " + error.message() + " after " + std::to_string(received_) +
               " of " + std::to_string(payload_.size()) + " bytes";
    return true;
  }

  asio::ip::tcp::socket socket_;
  const std::string payload_;
  ChunkSize chunkSize_;
  std::vector<char> block_ = std::vector<char>(std::size_t{64} * 1024);
  std::size_t sent_ = 0;
  std::size_t received_ = 0;
  std::string verdict_ = "not finished";
};

class TcpEcho : public ServerFixture {
 protected:
  void echoes(std::size_t size) {
    SCOPED_TRACE(std::to_string(size) + " bytes");
    asio::io_context io;
    EchoClient client(io, patternOf(size), [size] { return size; });
    client.start(address());
    io.run_for(kPatience);
    EXPECT_EQ(client.verdict(), "");
  }
};

TEST_P(TcpEcho, BringsBackMessagesAroundTheSizesOfBuffers) {
  serveEcho();
  for (const std::size_t size : {1, 7, 8, 9, 1024, 65535, 65536, 65537}) echoes(size);
}

TEST_P(TcpEcho, BringsBackSixteenMegabytes) {
  serveEcho();
  // In receives of eight bytes, a megabyte is work enough.
  const std::size_t scale = GetParam().isTiny() ? 16 : 1;
  echoes((std::size_t{1} << 20U) / scale);
  echoes((std::size_t{16} << 20U) / scale);
}

TEST_P(TcpEcho, AnswersAThousandMessagesOneByOne) {
  serveEcho();
  Peer peer(address());
  for (int i = 0; i < 1000; ++i) {
    const std::string message = "message " + std::to_string(i);
    peer.sendAll(message);
    ASSERT_EQ(peer.receiveExactly(message.size()), message);
  }
}

TEST_P(TcpEcho, BringsBackTwentyThousandBytesSentOneByOne) {
  serveEcho();
  asio::io_context io;
  EchoClient client(io, patternOf(20'000), [] { return 1; });
  client.start(address());
  io.run_for(kPatience);
  EXPECT_EQ(client.verdict(), "");
}

TEST_P(TcpEcho, AnswersOthersWhileOnePeerSendsWithoutEnd) {
  serveMessages([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    if (connection->id() == 1) {
      buffer->retrieveAll();
    } else {
      connection->send(buffer);
    }
  });
  Peer firehose(address());
  accepted();
  const std::jthread sending([&](const std::stop_token& stop) {
    const std::string block = patternOf(std::size_t{256} * 1024);
    while (!stop.stop_requested()) firehose.sendNow(block);
  });
  Peer peer(address());
  for (int i = 0; i < 100; ++i) {
    peer.sendAll("ping");
    ASSERT_EQ(peer.receiveExactly(4), "ping");
  }
}

// Two hundred at once, each with a payload and chunk sizes of its own.
class TcpEchoCrowd : public ServerFixture {
 protected:
  void crowd(std::size_t threads, TcpServer::Option option) {
    serve(
        [threads](TcpServer& server) {
          server.setThreadNum(threads);
          server.setMessageCallback([](const TcpConnectionPtr& connection, Buffer* buffer, auto) {
            EXPECT_TRUE(connection->getLoop()->isInLoopThread());
            connection->send(buffer);
          });
        },
        option);
    const std::uint32_t seed = std::random_device()();
    std::cout << "seed " << seed << '\n';
    std::mt19937 random(seed);
    const std::size_t most = GetParam().isTiny() ? 2'000 : 40'000;
    asio::io_context io;
    std::vector<std::unique_ptr<EchoClient>> clients;
    for (unsigned i = 0; i < 200; ++i) {
      const std::size_t size = 1 + random() % most;
      clients.push_back(std::make_unique<EchoClient>(
          io, patternOf(size, 1U + i), [own = std::mt19937(random())]() mutable {
            // Mostly small, sometimes large.
            return std::size_t{1} + own() % (own() % 4 == 0 ? 10'000U : 300U);
          }));
    }
    for (const auto& client : clients) client->start(address());
    io.run_for(kPatience);
    for (const auto& client : clients) EXPECT_EQ(client->verdict(), "");
    for (int i = 0; i < 200; ++i) EXPECT_EQ(closed().reason, std::error_code());
  }
};

TEST_P(TcpEchoCrowd, IsServedByTheOneLoop) { crowd(0, TcpServer::Option::kNoReusePort); }

TEST_P(TcpEchoCrowd, IsServedByThreeLoopsBehindOneListener) {
  crowd(3, TcpServer::Option::kNoReusePort);
}

TEST_P(TcpEchoCrowd, IsServedByTheOneLoopWithReusePort) { crowd(0, TcpServer::Option::kReusePort); }

TEST_P(TcpEchoCrowd, IsServedByThreeLoopsWithAListenerEach) {
  crowd(3, TcpServer::Option::kReusePort);
}

TERN_ON_EACH_POLLER(TcpEcho);
TERN_ON_EACH_POLLER(TcpEchoCrowd);

}  // namespace
}  // namespace tern::testing
