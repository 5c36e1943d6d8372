// SocketAddress: what parse() accepts it also prints, and reads again as the same.
#include <tern/net/SocketAddress.h>

#include <stdexcept>

#include "Fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tern::SocketAddress;
  using tern::fuzz::require;
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const SocketAddress address = SocketAddress::parse(text);
    const std::string printed = address.toString();
    // A control character in a name, which is printed as this.
    if (address.isUnix() && printed.find('?') != std::string::npos) return 0;
    const SocketAddress again = SocketAddress::parse(printed);
    require(again == address, "an address printed and parsed is the same");
    require(again.toString() == printed, "it prints the same again");
    require(again.hashOfHost() == address.hashOfHost(), "equal addresses have equal hashes");
    require(address.sockAddrLength() <= sizeof(sockaddr_un), "it fits a sockaddr");
  } catch (const std::invalid_argument& refused) {
    require(std::string_view(refused.what()).size() > 10, "a refusal is a sentence");
  }
  return 0;
}
