// Connection: a script for both ends of a socket pair, one of them a TcpConnection.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <tern/base/Buffer.h>
#include <tern/base/Logging.h>
#include <tern/base/UniqueFd.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <utility>

#include "ConnectionSet.h"
#include "Fuzz.h"
#include "support/Pattern.h"

namespace tern::fuzz {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostAtOnce = std::size_t{200} * 1024;
// The pattern twice, which is longer than any part of it that is sent.
const std::shared_ptr<const UniqueFd>& patternFile() {
  static const std::shared_ptr<const UniqueFd> file = [] {
    UniqueFd fd(::memfd_create("pattern", MFD_CLOEXEC));
    std::string_view left = testing::patternTwice();
    while (!left.empty()) {
      const ssize_t n = ::write(fd.get(), left.data(), left.size());
      require(n > 0, "the pattern's file can be written");
      left.remove_prefix(static_cast<std::size_t>(n));
    }
    return std::make_shared<const UniqueFd>(std::move(fd));
  }();
  return file;
}

struct Thrown {};

class Script {
 public:
  Script(const std::uint8_t* data, std::size_t size)
      : input_(data, size), loop_(somePoller()), set_([](const TcpConnection&) {}) {
    open();
  }
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;
  ~Script() { connection_.reset(); }

  void run() {
    while (input_.remaining_bytes() > 0) step();
    finish();
  }

 private:
  PollerSpec somePoller() {
    switch (input_.ConsumeIntegralInRange(0, 3)) {
      case 0:
        return PollerKind::kPoll;
      case 1:
        return PollerKind::kEPoll;
      default: {
        // As little as there can be, so that it overflows.
        UringOptions options;
        options.submissionEntries = 2;
        options.completionEntries = 4;
        options.bufferCount = 2;
        options.bufferSize = 256;
        return options;
      }
    }
  }

  void open() {
    std::array<int, 2> fds{};
    require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds.data()) == 0,
            "there are sockets");
    UniqueFd ours(fds[0]);
    peer_ = UniqueFd(fds[1]);
    const int small = 4096;
    if (input_.ConsumeBool()) {
      ::setsockopt(ours.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    }
    auto callbacks = std::make_shared<ConnectionCallbacks>();
    callbacks->name = "fuzz";
    callbacks->connection = [this](const TcpConnectionPtr& connection) {
      (connection->connected() ? ups_ : downs_) += 1;
      if (downs_ > 0) require(connection->disconnected(), "what is down is disconnected");
    };
    callbacks->message = [this](const TcpConnectionPtr&, Buffer* buffer, Timestamp) {
      onMessage(*buffer);
    };
    if (input_.ConsumeBool()) {
      callbacks->halfClose = [this](const TcpConnectionPtr&) {
        require(++halfCloses_ == 1, "the end of file comes once");
      };
    }
    if (input_.ConsumeBool()) {
      callbacks->writeComplete = [](const TcpConnectionPtr& connection) {
        require(connection->outputBytes() == 0, "write-complete means that nothing waits");
      };
    }
    callbacks->highMark = input_.ConsumeIntegralInRange<std::size_t>(0, 100'000);
    callbacks->lowMark = callbacks->highMark / 2;
    callbacks->highWaterMark = [](const TcpConnectionPtr&, std::size_t) {};
    callbacks->lowWaterMark = [](const TcpConnectionPtr&, std::size_t) {};
    callbacks->outputLimit = input_.ConsumeIntegralInRange<std::size_t>(1000, 1'000'000);
    connection_ = TcpConnection::open(loop_, std::move(ours), 1, std::move(callbacks), set_);
    connection_->connectEstablished();
  }

  // --- the user of the connection ---

  void onMessage(Buffer& buffer) {
    require(downs_ == 0, "no message comes after the end");
    require(buffer.view() == testing::patternAt(consumed_, buffer.readableBytes()),
            "what arrives is what was sent, in order");
    require(consumed_ + buffer.readableBytes() <= peerSent_, "no more arrives than was sent");
    const std::size_t take = input_.ConsumeBool() ? buffer.readableBytes()
                                                  : input_.ConsumeIntegralInRange<std::size_t>(
                                                        0, buffer.readableBytes());
    buffer.retrieve(take);
    consumed_ += take;
    if (!buffer.empty() && input_.ConsumeBool()) connection_->showInputAgain();
    if (input_.remaining_bytes() == 0) return;
    if (input_.ConsumeBool()) act();
    if (input_.ConsumeIntegralInRange(0, 15) == 1) throw Thrown();
  }

  // Something that a user may do at any time on the loop's thread.
  void act() {
    switch (input_.ConsumeIntegralInRange(0, 13)) {
      case 0:
        return send([&](std::string_view bytes) { connection_->send(bytes); });
      case 1:
        return send([&](std::string_view bytes) { connection_->send(std::string(bytes)); });
      case 2:
        return send([&](std::string_view bytes) {
          connection_->send(std::make_shared<const std::string>(bytes));
        });
      case 3: {
        const std::size_t offset = sent_ % testing::kPatternLength;
        return send([&](std::string_view bytes) {
          connection_->sendFile(patternFile(), offset, bytes.size());
        });
      }
      case 4:
        return send([&](std::string_view bytes) {
          Buffer buffer;
          buffer.append(bytes);
          connection_->send(&buffer);
        });
      case 5:
        return connection_->stopRead();
      case 6:
        return connection_->startRead();
      case 7:
        return connection_->shutdown();
      case 8:
        if (input_.ConsumeIntegralInRange(0, 3) != 0) return;
        cut_ = true;
        return connection_->forceClose();
      case 9:
        return connection_->setIdleTimeout(1h);
      case 10:
        if (input_.ConsumeBool()) return connection_->clearDeadline();
        cut_ = true;
        return connection_->setDeadline(Clock::now());
      case 11:
        return connection_->showInputAgain();
      case 12:
        return connection_->setWriteCompleteCallback({});
      default:
        return connection_->drain();
    }
  }

  template <class Send>
  void send(Send&& send) {
    const auto length =
        input_.ConsumeIntegralInRange<std::size_t>(0, input_.ConsumeBool() ? 100 : kMostAtOnce);
    // Dropped behind a shutdown; nothing is sent after it then.
    const bool open = connection_->connected();
    send(testing::patternAt(sent_, length));
    if (open) sent_ += length;
    if (connection_->outputBytes() > connection_->callbacks().outputLimit) cut_ = true;
  }

  // --- the peer ---

  void peerSend() {
    const auto length =
        input_.ConsumeIntegralInRange<std::size_t>(0, input_.ConsumeBool() ? 100 : kMostAtOnce);
    const std::string_view bytes = testing::patternAt(peerSent_, length);
    const ssize_t n = ::send(peer_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) peerSent_ += static_cast<std::size_t>(n);
  }

  // True at the end of the stream.
  bool peerReceive(std::size_t most) {
    static std::string block(kMostAtOnce, '\0');
    const ssize_t n = ::recv(peer_.get(), block.data(), std::min(most, block.size()), MSG_DONTWAIT);
    if (n <= 0) return n == 0 || (errno != EAGAIN && errno != EINTR);
    const auto length = static_cast<std::size_t>(n);
    require(std::string_view(block).substr(0, length) == testing::patternAt(peerReceived_, length),
            "what was sent arrives in order");
    peerReceived_ += length;
    require(peerReceived_ <= sent_, "no more arrives at the peer than was sent");
    return false;
  }

  // --- both ---

  void turn() {
    loop_.queueInLoop([this] { loop_.quit(); });
    run(loop_);
  }
  static void run(EventLoop& loop) {
    try {
      loop.loop();
    } catch (const Thrown&) {
      // Nothing but the callback is lost.
    }
  }

  void step() {
    switch (input_.ConsumeIntegralInRange(0, 7)) {
      case 0:
        return peerSend();
      case 1:
        if (peer_) peerReceive(input_.ConsumeIntegralInRange<std::size_t>(1, kMostAtOnce));
        return;
      case 2:
        if (peer_) ::shutdown(peer_.get(), SHUT_WR);
        return;
      case 3:
        if (input_.ConsumeIntegralInRange(0, 7) != 0) return;
        cut_ = true;
        peer_ = UniqueFd();
        return;
      case 4:
      case 5:
        return act();
      default:
        return turn();
    }
  }

  // However the script left them, both come to their end.
  void finish() {
    connection_->shutdown();
    bool ended = !peer_;
    for (int i = 0; i < 100'000 && !ended; ++i) {
      turn();
      ended = peerReceive(kMostAtOnce);
    }
    require(ended, "a connection that is shut down ends");
    require(cut_ || peerReceived_ == sent_, "nothing is lost in an orderly end");
    connection_->forceClose();
    for (int i = 0; i < 1000 && downs_ == 0; ++i) turn();
    require(ups_ == 1, "a connection comes up once");
    require(downs_ == 1, "it goes down once");
    require(set_.empty(), "and is in no set");
    turn();
    require(connection_.use_count() == 1, "nobody holds it any more");
  }

  FuzzedDataProvider input_;
  EventLoop loop_;
  ConnectionSet set_;
  TcpConnectionPtr connection_;
  UniqueFd peer_;
  std::size_t sent_ = 0;
  std::size_t peerReceived_ = 0;
  std::size_t peerSent_ = 0;
  std::size_t consumed_ = 0;
  int ups_ = 0;
  int downs_ = 0;
  int halfCloses_ = 0;
  bool cut_ = false;  // something happened that may cost bytes
};

}  // namespace
}  // namespace tern::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // What a script provokes is no news.
  tern::setLogLevel(tern::LogLevel::kOff);
  tern::fuzz::Script(data, size).run();
  return 0;
}
