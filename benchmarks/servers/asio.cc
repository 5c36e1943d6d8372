// bench_server_asio: Boost.Asio as its examples have it: one io_context on one thread (concurrency
// hint 1, which drops its locks), async_read_some into a 64 KiB buffer a connection, and a direct
// write_some for each reply with async_write only for what the socket did not take. Broadcast: the
// same, with one buffer that all sessions share.
// clang-format off
#include <utility>  // Debian's Asio uses std::exchange without it
// clang-format on
#include <boost/asio.hpp>
#include <deque>
#include <memory>
#include <string>
#include <unordered_set>

#include "BenchServer.h"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using tern::bench::Mode;

constexpr std::size_t kHeader = 4;
constexpr std::size_t kBlock = std::size_t{64} * 1024;

class Session;
using Audience = std::unordered_set<std::shared_ptr<Session>>;

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, Mode mode, Audience& audience)
      : socket_(std::move(socket)), mode_(mode), audience_(audience) {
    socket_.non_blocking(true);
    socket_.set_option(tcp::no_delay(true));
  }

  void start() {
    if (mode_ == Mode::kBroadcast) audience_.insert(shared_from_this());
    read();
  }

 private:
  void read() {
    socket_.async_read_some(
        asio::buffer(block_.get(), kBlock),
        [self = shared_from_this()](boost::system::error_code error, std::size_t n) {
          if (error) {
            self->audience_.erase(self);
          } else if (self->mode_ == Mode::kBroadcast) {
            self->tellAll(n);
          } else {
            self->onRead(n);
          }
        });
  }

  void tellAll(std::size_t n) {
    const auto bytes = std::make_shared<const std::string>(block_.get(), n);
    for (const auto& session : audience_) session->sendShared(bytes);
    read();
  }

  void sendShared(const std::shared_ptr<const std::string>& bytes) {
    std::size_t sent = 0;
    if (shared_.empty()) {
      boost::system::error_code error;
      sent = socket_.write_some(asio::buffer(*bytes), error);
      if (sent == bytes->size() || (error && error != asio::error::would_block)) return;
    }
    shared_.push_back(bytes);
    if (shared_.size() == 1) writeShared(sent);
  }

  void writeShared(std::size_t from) {
    asio::async_write(socket_, asio::buffer(*shared_.front()) + from,
                      [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                        self->shared_.pop_front();
                        if (!error && !self->shared_.empty()) self->writeShared(0);
                      });
  }

  void onRead(std::size_t n) {
    if (mode_ == Mode::kRaw) {
      send(block_.get(), n);
    } else if (partial_.empty()) {
      const std::size_t used = echoFrames(block_.get(), n);
      partial_.assign(block_.get() + used, n - used);
    } else {
      partial_.append(block_.get(), n);
      partial_.erase(0, echoFrames(partial_.data(), partial_.size()));
    }
    if (waiting_.empty()) {
      read();
    } else {
      asio::async_write(socket_, asio::buffer(waiting_),
                        [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                          self->waiting_.clear();
                          if (!error) self->read();
                        });
    }
  }

  std::size_t echoFrames(const char* data, std::size_t length) {
    std::size_t used = 0;
    while (length - used >= kHeader) {
      const auto* header = reinterpret_cast<const unsigned char*>(data + used);
      const std::size_t frame = kHeader + ((static_cast<std::size_t>(header[0]) << 24U) |
                                           (static_cast<std::size_t>(header[1]) << 16U) |
                                           (static_cast<std::size_t>(header[2]) << 8U) | header[3]);
      if (length - used < frame) break;
      send(data + used, frame);
      used += frame;
    }
    return used;
  }

  void send(const char* data, std::size_t length) {
    std::size_t sent = 0;
    if (waiting_.empty()) {
      boost::system::error_code error;
      sent = socket_.write_some(asio::buffer(data, length), error);
      if (error && error != asio::error::would_block) return;
    }
    waiting_.append(data + sent, length - sent);
  }

  tcp::socket socket_;
  const Mode mode_;
  Audience& audience_;
  std::unique_ptr<char[]> block_{new char[kBlock]};
  std::string partial_;
  std::string waiting_;
  std::deque<std::shared_ptr<const std::string>> shared_;  // the first is being written
};

void accept(tcp::acceptor& acceptor, Mode mode, Audience& audience) {
  acceptor.async_accept(
      [&acceptor, mode, &audience](boost::system::error_code error, tcp::socket socket) {
        if (!error) std::make_shared<Session>(std::move(socket), mode, audience)->start();
        accept(acceptor, mode, audience);
      });
}

void serve(const tern::bench::ServerArguments& arguments) {
  asio::io_context context(1);
  const int fd = tern::bench::listenOn(arguments);
  tcp::acceptor acceptor(context, tcp::v4(), fd);
  Audience audience;
  accept(acceptor, arguments.mode, audience);
  tern::bench::printReady(arguments, tern::bench::portOf(fd), "Boost.Asio");
  context.run();
}

}  // namespace

int main(int argc, char** argv) {
  return tern::bench::runBenchServer(argc, argv, "bench_server_asio", false, serve);
}
