// CodecInterop: a client on Boost.Asio, which frames with its own means, and a codec server agree.
#include <tern/codec/LengthPrefixCodec.h>
#include <tern/codec/LineCodec.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/endian/conversion.hpp>
#include <cstdint>

#include "CodecFixture.h"

namespace tern::testing {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

/// One operation at a time, each with an end.
class AsioClient {
 public:
  explicit AsioClient(const SocketAddress& server) {
    socket_.connect({asio::ip::make_address(server.toIp()), server.port()});
  }

  void write(const std::string& bytes) {
    await([&](auto done) { asio::async_write(socket_, asio::buffer(bytes), done); });
  }
  std::string readLine() {
    const std::size_t length = await([&](auto done) {
      asio::async_read_until(socket_, asio::dynamic_buffer(input_), "\r\n", done);
    });
    const std::string line = input_.substr(0, length - 2);
    input_.erase(0, length);
    return line;
  }
  std::string readFrame() {
    std::array<std::uint32_t, 1> prefix{};
    await([&](auto done) { asio::async_read(socket_, asio::buffer(prefix), done); });
    std::string frame(boost::endian::little_to_native(prefix[0]), '\0');
    await([&](auto done) { asio::async_read(socket_, asio::buffer(frame), done); });
    return frame;
  }

 private:
  template <class Start>
  std::size_t await(Start start) {
    error_code failure = asio::error::timed_out;
    std::size_t transferred = 0;
    start([&](error_code error, std::size_t bytes) {
      failure = error;
      transferred = bytes;
    });
    io_.restart();
    io_.run_for(kPatience);
    if (failure) throw boost::system::system_error(failure);
    return transferred;
  }

  asio::io_context io_;
  asio::ip::tcp::socket socket_{io_};
  std::string input_;
};

class CodecInterop : public CodecFixture {};

TEST_P(CodecInterop, ReadsAndWritesLinesAsAsioDoes) {
  const LineCodec codec(100'000, LineCodec::Ending::kCrLf);
  serveMessages(codec.onMessage([codec](const TcpConnectionPtr& connection, std::string_view line,
                                        Timestamp) { codec.send(connection, line); }));
  AsioClient client(address());
  for (const std::size_t size : {0, 1, 100, 1000, 20'000}) {
    const std::string line(size, 'x');
    client.write(line + "\r\n" + line + "!\n");
    EXPECT_EQ(client.readLine(), line);
    EXPECT_EQ(client.readLine(), line + "!");
  }
}

TEST_P(CodecInterop, ReadsAndWritesLengthsAsBoostEndianDoes) {
  LengthPrefixCodec::Options options;
  options.order = std::endian::little;
  const LengthPrefixCodec codec(options);
  serveMessages(codec.onMessage([codec](const TcpConnectionPtr& connection, std::string_view frame,
                                        Timestamp) { codec.send(connection, frame); }));
  AsioClient client(address());
  for (const std::size_t size : {0, 1, 255, 256, 65535, 65536, 200'000}) {
    if (GetParam().isTiny() && size > 70'000) continue;
    const std::string frame = patternOf(size);
    std::array<std::uint32_t, 1> prefix{
        boost::endian::native_to_little(static_cast<std::uint32_t>(size))};
    client.write(std::string(reinterpret_cast<const char*>(prefix.data()), 4) + frame);
    expectSameBytes(client.readFrame(), frame);
  }
}

TERN_ON_EACH_POLLER(CodecInterop);

}  // namespace
}  // namespace tern::testing
