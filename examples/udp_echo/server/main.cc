// udp_echo_server: sends each datagram back to where it came from (RFC 862).
#include <tern/base/Logging.h>
#include <tern/net/EventLoop.h>
#include <tern/net/EventLoopThreadPool.h>
#include <tern/net/SignalWatcher.h>
#include <tern/net/UdpSocket.h>

#include <csignal>
#include <memory>

#include "Program.h"

namespace {

using tern::EventLoop;
using tern::SocketAddress;
using tern::UdpDatagram;
using tern::UdpOptions;
using tern::UdpSocket;
using tern::examples::ServerArguments;

// On the loop, which keeps it until its own end.
SocketAddress echoOn(EventLoop& loop, const SocketAddress& address, const UdpOptions& options) {
  auto socket = std::make_shared<UdpSocket>(loop, address, options);
  socket->setDatagramCallback([](UdpSocket& self, const UdpDatagram& datagram) {
    // To the peer it is lost, as any datagram may be.
    if (const auto error = self.send(datagram.bytes, datagram.peer)) {
      tern::log(tern::LogLevel::kDebug,
                "no answer to " + datagram.peer.toIpPort() + ": " + error.message());
    }
  });
  loop.setContext(socket);
  return socket->address();
}

int serve(const ServerArguments& arguments, const std::string& program) {
  SocketAddress address = arguments.listen();
  EventLoop loop(arguments.poller());
  // Before start(): threads inherit the blocked signals.
  const tern::SignalWatcher watcher(loop, {SIGINT, SIGTERM}, [&loop](int) { loop.quit(); });

  const bool shared = arguments.threads() > 1;
  // Sockets that may share an address would share it with another server, too, unnoticed.
  if (shared) address = UdpSocket(loop, address).address();
  tern::EventLoopThreadPool loops(loop, program, arguments.poller());
  loops.setThreadNum(shared ? arguments.threads() : 0);
  loops.start([&](EventLoop* each) {
    arguments.configure(*each);
    address = echoOn(*each, address, {.reusePort = shared});
  });

  arguments.printReady(address, loop);
  loop.loop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  ServerArguments arguments;
  return tern::examples::runProgram(
      argc, argv, "Sends each datagram back to where it came from.",
      [&](CLI::App& app) { arguments.addTo(app); },
      [&](const std::string& program) { return serve(arguments, program); });
}
