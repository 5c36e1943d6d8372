// BenchServer: arguments and sockets of the measured servers.
#include "BenchServer.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <stdexcept>
#include <system_error>

namespace tern::bench {
namespace {

void readListen(const std::string& text, ServerArguments& arguments) {
  const std::size_t colon = text.rfind(':');
  const std::string digits = colon == std::string::npos ? "" : text.substr(colon + 1);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), arguments.port);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) {
    throw std::invalid_argument("--listen: '" + text + "' is not HOST:PORT");
  }
  arguments.host = text.substr(0, colon);
}

Mode modeOf(const std::string& name) {
  if (name == "raw") return Mode::kRaw;
  return name == "framed" ? Mode::kFramed : Mode::kBroadcast;
}

}  // namespace

int runBenchServer(int argc, char** argv, const std::string& name, bool withPoller,
                   const std::function<void(const ServerArguments&)>& serve) {
  ServerArguments arguments;
  std::string listen = "127.0.0.1:0";
  std::string mode = "raw";
  CLI::App app("An echo or broadcast server to be measured", name);
  app.add_option("--listen", listen, "IPv4 HOST:PORT; port 0: any")->capture_default_str();
  app.add_option(
         "--mode", mode,
         "raw: echo bytes; framed: parse frames, one reply each; broadcast: send what comes "
         "to all connections")
      ->check(CLI::IsMember({"raw", "framed", "broadcast"}))
      ->capture_default_str();
  if (withPoller) app.add_option("--poller", arguments.poller, "poll, epoll, io_uring or auto");
  try {
    app.parse(argc, argv);
    arguments.mode = modeOf(mode);
    readListen(listen, arguments);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", name.c_str(), error.what());
    return 2;
  }
  try {
    serve(arguments);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", name.c_str(), error.what());
    return 1;
  }
}

void fail(const std::string& what) { throw std::system_error(errno, std::system_category(), what); }

int listenOn(const ServerArguments& arguments) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(arguments.port);
  if (::inet_pton(AF_INET, arguments.host.c_str(), &address.sin_addr) != 1) {
    throw std::invalid_argument("'" + arguments.host + "' is not an IPv4 address");
  }
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  if (fd < 0 || ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
      ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd, SOMAXCONN) != 0) {
    fail("listening on " + arguments.host + ":" + std::to_string(arguments.port));
  }
  return fd;
}

std::uint16_t portOf(int fd) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) fail("getsockname()");
  return ntohs(address.sin_port);
}

void printReady(const ServerArguments& arguments, std::uint16_t port, const std::string& what) {
  std::printf("listening on %s:%u (%s)\n", arguments.host.c_str(), port, what.c_str());
  std::fflush(stdout);
}

}  // namespace tern::bench
