// bench_server_asio: Boost.Asio as its examples have it: one io_context on one thread (concurrency
// hint 1, which drops its locks), async_read_some into a 64 KiB buffer a connection, and a direct
// write_some for each reply with async_write only for what the socket did not take.
// clang-format off
#include <utility>  // Debian's Asio uses std::exchange without it
// clang-format on
#include <boost/asio.hpp>
#include <memory>
#include <string>

#include "BenchServer.h"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::size_t kHeader = 4;
constexpr std::size_t kBlock = std::size_t{64} * 1024;

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, bool framed) : socket_(std::move(socket)), framed_(framed) {
    socket_.non_blocking(true);
    socket_.set_option(tcp::no_delay(true));
  }

  void read() {
    socket_.async_read_some(
        asio::buffer(block_.get(), kBlock),
        [self = shared_from_this()](boost::system::error_code error, std::size_t n) {
          if (!error) self->onRead(n);
        });
  }

 private:
  void onRead(std::size_t n) {
    if (!framed_) {
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
  const bool framed_;
  std::unique_ptr<char[]> block_{new char[kBlock]};
  std::string partial_;
  std::string waiting_;
};

void accept(tcp::acceptor& acceptor, bool framed) {
  acceptor.async_accept([&acceptor, framed](boost::system::error_code error, tcp::socket socket) {
    if (!error) std::make_shared<Session>(std::move(socket), framed)->read();
    accept(acceptor, framed);
  });
}

void serve(const tern::bench::ServerArguments& arguments) {
  asio::io_context context(1);
  const int fd = tern::bench::listenOn(arguments);
  tcp::acceptor acceptor(context, tcp::v4(), fd);
  accept(acceptor, arguments.framed);
  tern::bench::printReady(arguments, tern::bench::portOf(fd), "Boost.Asio");
  context.run();
}

}  // namespace

int main(int argc, char** argv) {
  return tern::bench::runBenchServer(argc, argv, "bench_server_asio", false, serve);
}
