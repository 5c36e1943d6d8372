// InetAddress: text to addresses and back, what is refused and how, and addresses of sockets.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sys/socket.h>
#include <tern/base/UniqueFd.h>
#include <tern/net/InetAddress.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace tern {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

static_assert(sizeof(InetAddress) == 28);
static_assert(std::is_trivially_copyable_v<InetAddress>);
static_assert(!std::is_convertible_v<std::uint16_t, InetAddress>);

// --- made from parts ---

TEST(InetAddress, APortAloneMeansEveryAddress) {
  EXPECT_EQ(InetAddress().toIpPort(), "0.0.0.0:0");
  EXPECT_EQ(InetAddress(80).toIpPort(), "0.0.0.0:80");
  EXPECT_EQ(InetAddress(80, true).toIpPort(), "127.0.0.1:80");
  EXPECT_EQ(InetAddress(80, false, true).toIpPort(), "[::]:80");
  EXPECT_EQ(InetAddress(65535, true, true).toIpPort(), "[::1]:65535");
}

TEST(InetAddress, KnowsItsFamilyPortAndLength) {
  const InetAddress v4("192.0.2.1", 8080);
  EXPECT_EQ(v4.family(), AF_INET);
  EXPECT_FALSE(v4.isIpv6());
  EXPECT_EQ(v4.port(), 8080);
  EXPECT_EQ(v4.toPort(), 8080);
  EXPECT_EQ(v4.toIp(), "192.0.2.1");
  EXPECT_EQ(v4.sockAddrLength(), sizeof(sockaddr_in));
  const InetAddress v6("2001:db8::1", 443);
  EXPECT_EQ(v6.family(), AF_INET6);
  EXPECT_TRUE(v6.isIpv6());
  EXPECT_EQ(v6.port(), 443);
  EXPECT_EQ(v6.toIp(), "2001:db8::1");
  EXPECT_EQ(v6.sockAddrLength(), sizeof(sockaddr_in6));
}

TEST(InetAddress, TheKernelSeesNetworkOrder) {
  const InetAddress v4("1.2.3.4", 0x1234);
  const auto* in = reinterpret_cast<const sockaddr_in*>(v4.sockAddr());
  EXPECT_EQ(in->sin_family, AF_INET);
  EXPECT_EQ(in->sin_port, htons(0x1234));
  EXPECT_EQ(in->sin_addr.s_addr, htonl(0x01020304));
  const InetAddress v6("::ffff", 0x1234);
  const auto* in6 = reinterpret_cast<const sockaddr_in6*>(v6.sockAddr());
  EXPECT_EQ(in6->sin6_family, AF_INET6);
  EXPECT_EQ(in6->sin6_port, htons(0x1234));
  EXPECT_EQ(in6->sin6_addr.s6_addr[14], 0xFF);
  EXPECT_EQ(in6->sin6_addr.s6_addr[15], 0xFF);
  EXPECT_EQ(in6->sin6_scope_id, 0U);
}

TEST(InetAddress, IsMadeFromWhatTheKernelGives) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(7);
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(InetAddress(in), InetAddress("127.0.0.1", 7));
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(7);
  in6.sin6_addr = in6addr_loopback;
  EXPECT_EQ(InetAddress(in6), InetAddress("::1", 7));
}

// --- parsed ---

TEST(InetAddress, EveryFormOfHostAndPortIsParsed) {
  struct Case {
    const char* text;
    const char* canonical;
  };
  for (const auto& [text, canonical] : {
           Case{"127.0.0.1:80", "127.0.0.1:80"},
           Case{"0.0.0.0:0", "0.0.0.0:0"},
           Case{"255.255.255.255:65535", "255.255.255.255:65535"},
           Case{"[::1]:80", "[::1]:80"},
           Case{"[::]:0", "[::]:0"},
           Case{"[2001:DB8:0:0:0:0:0:1]:443", "[2001:db8::1]:443"},
           Case{"[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.1]:1"},
           Case{"localhost:80", "127.0.0.1:80"},
           Case{"*:80", "0.0.0.0:80"},
           Case{":80", "0.0.0.0:80"},
           Case{":0", "0.0.0.0:0"},
           Case{"127.0.0.1:00080", "127.0.0.1:80"},
       }) {
    EXPECT_EQ(InetAddress::parse(text).toIpPort(), canonical) << text;
  }
}

TEST(InetAddress, WhatItPrintsItParses) {
  for (const InetAddress& address :
       {InetAddress(), InetAddress(80, true), InetAddress(80, false, true),
        InetAddress(80, true, true), InetAddress("203.0.113.254", 65535),
        InetAddress("2001:db8:ffff::abcd:0:1", 1), InetAddress("::ffff:1.2.3.4", 2),
        InetAddress("fe80::1%lo", 3), InetAddress("fe80::1%4000000000", 4)}) {
    EXPECT_EQ(InetAddress::parse(address.toIpPort()), address) << address.toIpPort();
    EXPECT_EQ(InetAddress(address.toIp(), address.port()), address) << address.toIp();
  }
}

TEST(InetAddress, WhatIsNoAddressIsRefusedNamingTheText) {
  for (const std::string_view text : {"",
                                      "80",
                                      "localhost",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      ":",
                                      "*:",
                                      "[::1]:",
                                      "[::1]",
                                      "::1",
                                      "::1:80",
                                      "2001:db8::1:80",
                                      "[]:80",
                                      "[:80",
                                      "]:80",
                                      "[::1:80",
                                      "::1]:80",
                                      "x::1]:80",
                                      "[::1x:80",
                                      "[::1]x:80",
                                      "[*]:80",
                                      "[localhost]:80",
                                      "[[::1]]:80",
                                      "[::1] :80",
                                      " 127.0.0.1:80",
                                      "127.0.0.1 :80",
                                      "127.0.0.1: 80",
                                      "127.0.0.1:80 ",
                                      "127.0.0.1:+80",
                                      "127.0.0.1:-1",
                                      "127.0.0.1:-0",
                                      "127.0.0.1:0x50",
                                      "127.0.0.1:80a",
                                      "127.0.0.1:65536",
                                      "127.0.0.1:4294967376",
                                      "127.0.0.1:99999999999999999999",
                                      "127.0.0:80",
                                      "127.1:80",
                                      "1.2.3.4.5:80",
                                      "256.0.0.1:80",
                                      "0x7f.0.0.1:80",
                                      "example.org:80",
                                      "LOCALHOST:80",
                                      "**:80",
                                      "[::g]:80",
                                      "[1:2:3:4:5:6:7:8:9]:80",
                                      "127.0.0.1%lo:80",
                                      "127.0.0.1%:80",
                                      "[fe80::1%]:80",
                                      "[fe80::1%0]:80",
                                      "[fe80::1%nosuchinterface]:80",
                                      "[fe80::1%4294967296]:80",
                                      "[fe80::1%-1]:80",
                                      "[fe80::1%1%2]:80",
                                      "tcp://127.0.0.1:80",
                                      "127.0.0.1:80/"}) {
    EXPECT_THAT([&] { InetAddress::parse(text); },
                ThrowsMessage<std::invalid_argument>(HasSubstr("'" + std::string(text) + "'")))
        << text;
  }
}

TEST(InetAddress, ARefusalSaysWhatWouldBeRight) {
  EXPECT_THAT([] { InetAddress::parse("localhost"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("host:port")));
  EXPECT_THAT([] { InetAddress::parse("127.0.0.1:http"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("0 to 65535")));
  EXPECT_THAT([] { InetAddress::parse("::1:80"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("[::1]:8080")));
}

TEST(InetAddress, OnlyNumericAddressesAreTaken) {
  for (const std::string_view ip :
       {"", "localhost", "*", "example.org", "127.0.0", "127.0.0.256", " 127.0.0.1", "127.0.0.1 ",
        "127.0.0.1:80", "[::1]", ":", ":::", "::1 ", "12345::", "127.0.0.1%lo"}) {
    EXPECT_THAT(([&] { InetAddress(ip, 80); }),
                ThrowsMessage<std::invalid_argument>(HasSubstr("'" + std::string(ip) + "'")))
        << ip;
  }
}

// A view may hold anything: what follows a NUL must not vanish behind it.
TEST(InetAddress, ATextWithANulInsideIsRefused) {
  using namespace std::string_view_literals;
  for (const std::string_view ip : {"127.0.0.1\0.example.org"sv, "127.0.0.1\0"sv, "::1\0"sv,
                                    "::1\0:2"sv, "fe80::1%lo\0x"sv, "fe80::1\0%lo"sv, "\0"sv}) {
    EXPECT_THROW(InetAddress(ip, 80), std::invalid_argument) << ip;
    EXPECT_THROW(InetAddress::parse('[' + std::string(ip) + "]:80"), std::invalid_argument) << ip;
    EXPECT_THROW(InetAddress::parse(std::string(ip) + ":80"), std::invalid_argument) << ip;
  }
  EXPECT_THROW(InetAddress::parse("127.0.0.1:80\0"sv), std::invalid_argument);
}

TEST(InetAddress, AViewIsReadToItsEndOnly) {
  const std::string_view text = "127.0.0.1:8080";
  EXPECT_EQ(InetAddress::parse(text.substr(0, 12)).toIpPort(), "127.0.0.1:80");
  EXPECT_EQ(InetAddress(text.substr(0, 9), 1).toIp(), "127.0.0.1");
}

// --- scopes ---

TEST(InetAddress, AScopeIsAnInterfacesNameOrNumber) {
  const unsigned lo = ::if_nametoindex("lo");
  ASSERT_NE(lo, 0U);
  const InetAddress byName("fe80::1%lo", 80);
  const InetAddress byNumber("fe80::1%" + std::to_string(lo), 80);
  EXPECT_EQ(byName, byNumber);
  EXPECT_EQ(byName.toIp(), "fe80::1%lo");
  EXPECT_EQ(byName.toIpPort(), "[fe80::1%lo]:80");
  EXPECT_EQ(reinterpret_cast<const sockaddr_in6*>(byName.sockAddr())->sin6_scope_id, lo);
  EXPECT_EQ(InetAddress::parse("[fe80::1%lo]:80"), byName);
}

TEST(InetAddress, ANumberThatIsNoInterfaceStaysANumber) {
  const InetAddress address("fe80::1%4000000000", 80);
  EXPECT_EQ(address.toIp(), "fe80::1%4000000000");
}

TEST(InetAddress, AnUnknownInterfaceIsNamed) {
  EXPECT_THAT(([] { InetAddress("fe80::1%nosuchinterface", 80); }),
              ThrowsMessage<std::invalid_argument>(HasSubstr("nosuchinterface")));
}

// --- compared ---

TEST(InetAddress, EqualMeansSameFamilyHostScopeAndPort) {
  const InetAddress v4("192.0.2.1", 80);
  EXPECT_EQ(v4, InetAddress("192.0.2.1", 80));
  EXPECT_NE(v4, InetAddress("192.0.2.1", 81));
  EXPECT_NE(v4, InetAddress("192.0.2.2", 80));
  EXPECT_NE(v4, InetAddress("::ffff:192.0.2.1", 80));
  EXPECT_NE(InetAddress(80), InetAddress(80, false, true));
  const InetAddress v6("fe80::1%lo", 80);
  EXPECT_EQ(v6, InetAddress("fe80::1%lo", 80));
  EXPECT_NE(v6, InetAddress("fe80::1%lo", 81));
  EXPECT_NE(v6, InetAddress("fe80::2%lo", 80));
  EXPECT_NE(v6, InetAddress("fe80::1", 80));
}

TEST(InetAddress, BytesThatAreNoPartOfTheAddressDoNotCount) {
  sockaddr_in padded{};
  padded.sin_family = AF_INET;
  padded.sin_port = htons(80);
  padded.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (unsigned char& byte : padded.sin_zero) byte = 0xAA;
  EXPECT_EQ(InetAddress(padded), InetAddress(80, true));
  EXPECT_EQ(InetAddress(padded).hashOfHost(), InetAddress(80, true).hashOfHost());
  sockaddr_in6 flowing{};
  flowing.sin6_family = AF_INET6;
  flowing.sin6_port = htons(80);
  flowing.sin6_addr = in6addr_loopback;
  flowing.sin6_flowinfo = htonl(5);
  EXPECT_EQ(InetAddress(flowing), InetAddress(80, true, true));
  EXPECT_EQ(InetAddress(flowing).hashOfHost(), InetAddress(80, true, true).hashOfHost());
}

TEST(InetAddress, TheHashIsOfTheHostAlone) {
  EXPECT_EQ(InetAddress("192.0.2.1", 80).hashOfHost(), InetAddress("192.0.2.1", 81).hashOfHost());
  EXPECT_EQ(InetAddress("2001:db8::1", 1).hashOfHost(), InetAddress("2001:db8::1", 2).hashOfHost());
  EXPECT_NE(InetAddress("192.0.2.1", 80).hashOfHost(), InetAddress("192.0.2.2", 80).hashOfHost());
  EXPECT_NE(InetAddress("2001:db8::1", 1).hashOfHost(), InetAddress("2001:db8::2", 1).hashOfHost());
}

// --- of sockets ---

class SocketOfEachFamily : public ::testing::TestWithParam<bool> {
 protected:
  static UniqueFd newSocket() {
    return UniqueFd(::socket(GetParam() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  }
};

TEST_P(SocketOfEachFamily, LocalOfAndPeerOfMirrorEachOther) {
  const InetAddress anyPort(0, true, GetParam());
  const UniqueFd listener = newSocket();
  ASSERT_EQ(::bind(listener.get(), anyPort.sockAddr(), anyPort.sockAddrLength()), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  const auto listening = InetAddress::localOf(listener.get());
  ASSERT_TRUE(listening);
  EXPECT_EQ(listening->toIp(), anyPort.toIp());
  EXPECT_NE(listening->port(), 0);
  EXPECT_FALSE(InetAddress::peerOf(listener.get())) << "nobody is at the other end";

  const UniqueFd client = newSocket();
  ASSERT_EQ(::connect(client.get(), listening->sockAddr(), listening->sockAddrLength()), 0);
  const UniqueFd server(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(server);
  EXPECT_EQ(InetAddress::localOf(server.get()), listening);
  EXPECT_EQ(InetAddress::peerOf(client.get()), listening);
  EXPECT_EQ(InetAddress::peerOf(server.get()), InetAddress::localOf(client.get()));
}

TEST_P(SocketOfEachFamily, AnUnboundOneHasTheEmptyAddress) {
  const UniqueFd fd = newSocket();
  EXPECT_EQ(InetAddress::localOf(fd.get()), InetAddress(0, false, GetParam()));
}

INSTANTIATE_TEST_SUITE_P(InetAddress, SocketOfEachFamily, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "IPv6" : "IPv4"; });

TEST(InetAddress, WhatIsNoIpSocketHasNone) {
  EXPECT_EQ(InetAddress::localOf(-1), std::nullopt);
  EXPECT_EQ(InetAddress::peerOf(-1), std::nullopt);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  EXPECT_EQ(InetAddress::localOf(reader.get()), std::nullopt);
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const UniqueFd one(ends[0]);
  const UniqueFd two(ends[1]);
  EXPECT_EQ(InetAddress::localOf(one.get()), std::nullopt);
  EXPECT_EQ(InetAddress::peerOf(one.get()), std::nullopt);
}

}  // namespace
}  // namespace tern
