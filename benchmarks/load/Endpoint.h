// The address of the server: read from HOST:PORT, and known to be this machine or not.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <string_view>

namespace tern::load {

class Endpoint {
 public:
  Endpoint() = default;

  // Reads "127.0.0.1:80", "[::1]:80" or "localhost:80" (the IPv4 one). No name is looked up. Throws
  // std::invalid_argument with a sentence.
  static Endpoint parse(std::string_view text);

  int family() const { return address_.ss_family; }
  const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&address_); }
  socklen_t length() const { return length_; }
  const std::string& text() const { return text_; }

  bool isLoopback() const;
  bool isLocalAddressOf(int fd) const;  // whether the socket is bound to this very address

 private:
  sockaddr_storage address_{};
  socklen_t length_ = 0;
  std::string text_;
};

}  // namespace tern::load
