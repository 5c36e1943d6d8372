// EchoClient: a window of numbered datagrams.
#include "EchoClient.h"

#include <chrono>
#include <cstring>
#include <system_error>

namespace {

using tern::Clock;
using tern::UdpDatagram;
using tern::UdpError;
using tern::UdpSocket;

constexpr std::size_t kQueuedBesideItsBytes = 64;

}  // namespace

EchoClient::EchoClient(tern::EventLoop& loop, const tern::SocketAddress& server,
                       const EchoPlan& plan)
    : loop_(loop),
      plan_(plan),
      socket_(loop, tern::UdpPeer{server},
              {.receiveSize = plan.size + 1,  // a longer answer shall show
               .queueLimit = plan.window * (plan.size + kQueuedBesideItsBytes)}),
      text_(plan.size, '\0') {
  socket_.setDatagramCallback(
      [this](UdpSocket&, const UdpDatagram& datagram) { onDatagram(datagram); });
  socket_.setErrorCallback([](UdpSocket& socket, const UdpError& error) {
    throw std::system_error(error.code, socket.peer()->toIpPort());
  });
  timer_ = loop_.runEvery(std::chrono::milliseconds(plan.timeout) / 10, [this] { giveUpOld(); });
  goOn();
}

EchoClient::~EchoClient() { loop_.cancel(timer_); }

void EchoClient::onDatagram(const UdpDatagram& datagram) {
  std::uint64_t number = 0;
  if (datagram.bytes.size() >= sizeof number) {
    std::memcpy(&number, datagram.bytes.data(), sizeof number);
  }
  if (number >= result_.sent || datagram.bytes != datagramOf(number)) {
    ++result_.wrong;
  } else if (waiting_.erase(number) == 0) {
    ++result_.late;
  } else {
    ++result_.answered;
    goOn();
  }
}

void EchoClient::giveUpOld() {
  const auto limit = Clock::now() - std::chrono::milliseconds(plan_.timeout);
  while (!waiting_.empty() && waiting_.begin()->second <= limit) {
    waiting_.erase(waiting_.begin());
    ++result_.lost;
  }
  goOn();
}

void EchoClient::goOn() {
  while (result_.sent < plan_.count && waiting_.size() < plan_.window) {
    const std::uint64_t number = result_.sent++;
    if (socket_.send(datagramOf(number))) {
      ++result_.lost;
    } else {
      waiting_.emplace(number, Clock::now());
    }
  }
  if (waiting_.empty()) loop_.quit();
}

// The number, and behind it bytes that differ from datagram to datagram and from place to place.
const std::string& EchoClient::datagramOf(std::uint64_t number) {
  std::memcpy(text_.data(), &number, sizeof number);
  for (std::size_t i = sizeof number; i < text_.size(); ++i) {
    text_[i] = static_cast<char>(number + i);
  }
  return text_;
}
