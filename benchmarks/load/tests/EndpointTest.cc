// Endpoint: what it reads, what it refuses, and what it takes for this machine.
#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "Endpoint.h"

namespace tern::load {
namespace {

TEST(Endpoint, ReadsIPv4) {
  const Endpoint endpoint = Endpoint::parse("127.0.0.1:8080");
  EXPECT_EQ(endpoint.family(), AF_INET);
  EXPECT_EQ(endpoint.text(), "127.0.0.1:8080");
  const auto& address = reinterpret_cast<const sockaddr_in&>(*endpoint.address());
  EXPECT_EQ(ntohs(address.sin_port), 8080);
  EXPECT_EQ(ntohl(address.sin_addr.s_addr), INADDR_LOOPBACK);
}

TEST(Endpoint, ReadsIPv6InBrackets) {
  const Endpoint endpoint = Endpoint::parse("[::1]:65535");
  EXPECT_EQ(endpoint.family(), AF_INET6);
  const auto& address = reinterpret_cast<const sockaddr_in6&>(*endpoint.address());
  EXPECT_EQ(ntohs(address.sin6_port), 65535);
}

TEST(Endpoint, ReadsLocalhostAsTheIPv4Loopback) {
  EXPECT_EQ(Endpoint::parse("localhost:1").family(), AF_INET);
  EXPECT_TRUE(Endpoint::parse("localhost:1").isLoopback());
}

TEST(Endpoint, RefusesWhatIsNoAddressAndNamesIt) {
  for (const char* text :
       {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:-1",
        "127.0.0.1:80x", "127.0.0:80", "127.0.0.1.:80", "host.example:80", "::1:80", "[::1]",
        "[]:80", "[127.0.0.1]:80", ":80"}) {
    try {
      Endpoint::parse(text);
      ADD_FAILURE() << text << " was taken for an address";
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find('"' + std::string(text) + '"'), std::string::npos);
    }
  }
}

TEST(Endpoint, KnowsLoopback) {
  for (const char* text : {"127.0.0.1:1", "127.255.3.4:1", "[::1]:1", "[::ffff:127.0.0.1]:1"}) {
    EXPECT_TRUE(Endpoint::parse(text).isLoopback()) << text;
  }
  for (const char* text : {"0.0.0.0:1", "10.0.0.1:1", "128.0.0.1:1", "[::]:1", "[2001:db8::1]:1",
                           "[::ffff:10.0.0.1]:1"}) {
    EXPECT_FALSE(Endpoint::parse(text).isLoopback()) << text;
  }
}

}  // namespace
}  // namespace tern::load
