// EchoClient: a conversation with an echo server over UDP, in numbers.
#pragma once

#include <tern/net/EventLoop.h>
#include <tern/net/UdpSocket.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

struct EchoPlan {
  std::uint64_t count = 1000;    ///< datagrams to send
  std::size_t size = 64;         ///< bytes of each; at least kLeastSize
  std::size_t window = 32;       ///< how many may be on their way at a time
  std::uint64_t timeout = 1000;  ///< milliseconds until a datagram counts as lost
};

struct EchoResult {
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;
  std::uint64_t lost = 0;
  std::uint64_t wrong = 0;  ///< answers that are not what was sent
  std::uint64_t late = 0;   ///< answers to what counted as lost, or was answered already
};

/// Belongs to the loop's thread. Trouble that the network reports, such as that nobody listens, is
/// a std::system_error out of loop().
class EchoClient {
 public:
  /// Room for the datagram's number, by which its answer is known.
  static constexpr std::size_t kLeastSize = sizeof(std::uint64_t);

  /// Starts. Ends the loop when all is answered or lost.
  EchoClient(tern::EventLoop& loop, const tern::SocketAddress& server, const EchoPlan& plan);
  EchoClient(const EchoClient&) = delete;
  EchoClient& operator=(const EchoClient&) = delete;
  ~EchoClient();

  [[nodiscard]] const EchoResult& result() const noexcept { return result_; }

 private:
  void onDatagram(const tern::UdpDatagram& datagram);
  void giveUpOld();
  void goOn();
  const std::string& datagramOf(std::uint64_t number);

  tern::EventLoop& loop_;
  const EchoPlan plan_;
  tern::UdpSocket socket_;
  tern::TimerId timer_;
  std::map<std::uint64_t, tern::Timestamp> waiting_;  // the oldest first
  std::string text_;
  EchoResult result_;
};
