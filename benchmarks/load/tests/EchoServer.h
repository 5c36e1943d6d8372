// An echo server in a thread of the test, which can be told to behave badly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>

#include "UniqueFd.h"

namespace tern::load {

enum class Conduct {
  honest,
  corrupt,    // flips a bit of every piece that it sends back
  repeat,     // sends every piece back twice
  close,      // closes instead of answering
  reset,      // resets instead of answering
  silent,     // reads, and never answers
  interrupt,  // answers, and sends SIGINT to the process, once
};

enum class Reach {
  sender,      // what a connection sends comes back to it
  everyone,    // it goes to all connections
  butTheLast,  // it goes to all but the one accepted last, once there are three
};

// Serves until destroyed. Works on bytes, so it serves raw and framed clients alike.
class EchoServer {
 public:
  // The first `honestBytes` of each connection are echoed, whatever the conduct.
  explicit EchoServer(Conduct conduct, std::size_t honestBytes = 0, const char* host = "127.0.0.1",
                      Reach reach = Reach::sender);
  ~EchoServer();
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;

  std::string address() const;  // HOST:PORT, as --connect takes it

 private:
  void serve();

  Conduct conduct_;
  Reach reach_;
  std::size_t honestBytes_;
  bool ipv6_;
  std::uint16_t port_ = 0;
  UniqueFd listener_;
  UniqueFd stop_;
  std::thread thread_;
};

}  // namespace tern::load
