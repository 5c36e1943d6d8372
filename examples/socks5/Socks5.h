// Socks5: the messages of RFC 1928, without sockets.
#pragma once

#include <tern/base/Buffer.h>
#include <tern/net/SocketAddress.h>

#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <variant>

namespace tern::examples::socks5 {

enum class Reply : std::uint8_t {
  kSucceeded = 0,
  kGeneralFailure = 1,
  kNetworkUnreachable = 3,
  kHostUnreachable = 4,
  kConnectionRefused = 5,
  kTimedOut = 6,  // "TTL expired"
  kCommandNotSupported = 7,
  kAddressTypeNotSupported = 8,
};

/// What a client asks for: an address, or a name and a port.
struct Name {
  std::string host;
  std::uint16_t port;
};
using Destination = std::variant<SocketAddress, Name>;

/// What a buffer begins with: not yet a whole message, one that can't be served, or a message,
/// which was taken out.
template <class Message>
struct Parsed {
  enum class State { kIncomplete, kBad, kDone } state = State::kIncomplete;
  std::optional<Message> message;
  Reply reply = Reply::kGeneralFailure;  ///< for kBad
};

/// The client's greeting; the message is whether it will do without authentication.
Parsed<bool> parseGreeting(Buffer& input);
/// The request: only CONNECT is served.
Parsed<Destination> parseRequest(Buffer& input);

/// "Without authentication", or "no method is acceptable".
std::string methodReply(bool acceptable);
/// The answer to a request, with the address that the onward connection comes from.
std::string requestReply(Reply reply, const SocketAddress& bound = SocketAddress());
Reply replyFor(std::error_code error);

}  // namespace tern::examples::socks5
