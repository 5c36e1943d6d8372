// Socks5: bytes to requests, and replies to bytes.
#include "Socks5.h"

#include <netinet/in.h>

#include <cstring>

namespace tern::examples::socks5 {
namespace {

constexpr std::uint8_t kVersion = 5;
constexpr std::uint8_t kNoAuthentication = 0;
constexpr std::uint8_t kNoneAcceptable = 0xFF;
constexpr std::uint8_t kConnect = 1;
enum AddressType : std::uint8_t { kIpv4 = 1, kDomain = 3, kIpv6 = 4 };

std::uint8_t byteAt(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

std::uint16_t portAt(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byteAt(bytes, at) << 8U | byteAt(bytes, at + 1));
}

template <class Message>
Parsed<Message> bad(Reply reply = Reply::kGeneralFailure) {
  return {Parsed<Message>::State::kBad, std::nullopt, reply};
}

template <class Message>
Parsed<Message> done(Message message) {
  return {Parsed<Message>::State::kDone, std::move(message), Reply::kSucceeded};
}

Destination ipv4At(std::string_view bytes) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  std::memcpy(&address.sin_addr, bytes.data(), sizeof address.sin_addr);
  std::memcpy(&address.sin_port, bytes.data() + sizeof address.sin_addr, sizeof address.sin_port);
  return SocketAddress(address);
}

Destination ipv6At(std::string_view bytes) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  std::memcpy(&address.sin6_addr, bytes.data(), sizeof address.sin6_addr);
  std::memcpy(&address.sin6_port, bytes.data() + sizeof address.sin6_addr,
              sizeof address.sin6_port);
  return SocketAddress(address);
}

}  // namespace

// VERSION, COUNT, COUNT methods
Parsed<bool> parseGreeting(Buffer& input) {
  const std::string_view bytes = input.view();
  if (!bytes.empty() && byteAt(bytes, 0) != kVersion) return bad<bool>();
  if (bytes.size() < 2 || bytes.size() < 2U + byteAt(bytes, 1)) return {};
  const std::string_view methods = bytes.substr(2, byteAt(bytes, 1));
  const bool acceptable = methods.find(char{kNoAuthentication}) != std::string_view::npos;
  input.retrieve(2 + methods.size());
  return done(acceptable);
}

// VERSION, COMMAND, 0, TYPE, address, port
Parsed<Destination> parseRequest(Buffer& input) {
  constexpr std::size_t kFront = 4;
  constexpr std::size_t kPort = 2;
  const std::string_view bytes = input.view();
  if (!bytes.empty() && byteAt(bytes, 0) != kVersion) return bad<Destination>();
  if (bytes.size() < kFront + 1) return {};
  std::size_t length = 0;
  const std::uint8_t type = byteAt(bytes, 3);
  switch (type) {
    case kIpv4:
      length = sizeof(in_addr);
      break;
    case kIpv6:
      length = sizeof(in6_addr);
      break;
    case kDomain:
      length = 1U + byteAt(bytes, kFront);
      break;
    default:
      return bad<Destination>(Reply::kAddressTypeNotSupported);
  }
  if (bytes.size() < kFront + length + kPort) return {};
  if (byteAt(bytes, 1) != kConnect) return bad<Destination>(Reply::kCommandNotSupported);
  const std::string_view address = bytes.substr(kFront, length + kPort);
  Destination destination;
  if (type == kIpv4) {
    destination = ipv4At(address);
  } else if (type == kIpv6) {
    destination = ipv6At(address);
  } else {
    const std::string_view host = address.substr(1, length - 1);
    const bool isName = !host.empty() && host.find('\0') == std::string_view::npos;
    if (!isName) return bad<Destination>();
    destination = Name{std::string(host), portAt(address, length)};
  }
  input.retrieve(kFront + length + kPort);
  return done(std::move(destination));
}

std::string methodReply(bool acceptable) {
  return {char{kVersion}, static_cast<char>(acceptable ? kNoAuthentication : kNoneAcceptable)};
}

std::string requestReply(Reply reply, const SocketAddress& bound) {
  std::string text{char{kVersion}, static_cast<char>(reply), '\0'};
  const auto append = [&](const void* bytes, std::size_t length) {
    text.append(static_cast<const char*>(bytes), length);
  };
  if (bound.isIpv6()) {
    sockaddr_in6 address{};
    std::memcpy(&address, bound.sockAddr(), sizeof address);
    text += static_cast<char>(kIpv6);
    append(&address.sin6_addr, sizeof address.sin6_addr);
    append(&address.sin6_port, sizeof address.sin6_port);
  } else {
    sockaddr_in address{};
    std::memcpy(&address, bound.sockAddr(), sizeof address);
    text += static_cast<char>(kIpv4);
    append(&address.sin_addr, sizeof address.sin_addr);
    append(&address.sin_port, sizeof address.sin_port);
  }
  return text;
}

Reply replyFor(std::error_code error) {
  if (!error) return Reply::kSucceeded;
  if (error == std::errc::connection_refused) return Reply::kConnectionRefused;
  if (error == std::errc::network_unreachable) return Reply::kNetworkUnreachable;
  if (error == std::errc::host_unreachable) return Reply::kHostUnreachable;
  if (error == std::errc::timed_out) return Reply::kTimedOut;
  return Reply::kGeneralFailure;
}

}  // namespace tern::examples::socks5
