// SocketAddress: text to addresses and back, what is refused and how, and addresses of sockets.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sys/socket.h>
#include <tern/base/UniqueFd.h>
#include <tern/net/InetAddress.h>
#include <tern/net/SocketAddress.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
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

static_assert(std::is_trivially_copyable_v<SocketAddress>);
static_assert(!std::is_convertible_v<std::uint16_t, SocketAddress>);

// --- made from parts ---

TEST(SocketAddress, APortAloneMeansEveryAddress) {
  EXPECT_EQ(SocketAddress().toIpPort(), "0.0.0.0:0");
  EXPECT_EQ(SocketAddress(80).toIpPort(), "0.0.0.0:80");
  EXPECT_EQ(SocketAddress(80, true).toIpPort(), "127.0.0.1:80");
  EXPECT_EQ(SocketAddress(80, false, true).toIpPort(), "[::]:80");
  EXPECT_EQ(SocketAddress(65535, true, true).toIpPort(), "[::1]:65535");
}

TEST(SocketAddress, KnowsItsFamilyPortAndLength) {
  const SocketAddress v4("192.0.2.1", 8080);
  EXPECT_EQ(v4.family(), AF_INET);
  EXPECT_FALSE(v4.isIpv6());
  EXPECT_EQ(v4.port(), 8080);
  EXPECT_EQ(v4.toPort(), 8080);
  EXPECT_EQ(v4.toIp(), "192.0.2.1");
  EXPECT_EQ(v4.sockAddrLength(), sizeof(sockaddr_in));
  const SocketAddress v6("2001:db8::1", 443);
  EXPECT_EQ(v6.family(), AF_INET6);
  EXPECT_TRUE(v6.isIpv6());
  EXPECT_EQ(v6.port(), 443);
  EXPECT_EQ(v6.toIp(), "2001:db8::1");
  EXPECT_EQ(v6.sockAddrLength(), sizeof(sockaddr_in6));
}

TEST(SocketAddress, TheKernelSeesNetworkOrder) {
  const SocketAddress v4("1.2.3.4", 0x1234);
  const auto* in = reinterpret_cast<const sockaddr_in*>(v4.sockAddr());
  EXPECT_EQ(in->sin_family, AF_INET);
  EXPECT_EQ(in->sin_port, htons(0x1234));
  EXPECT_EQ(in->sin_addr.s_addr, htonl(0x01020304));
  const SocketAddress v6("::ffff", 0x1234);
  const auto* in6 = reinterpret_cast<const sockaddr_in6*>(v6.sockAddr());
  EXPECT_EQ(in6->sin6_family, AF_INET6);
  EXPECT_EQ(in6->sin6_port, htons(0x1234));
  EXPECT_EQ(in6->sin6_addr.s6_addr[14], 0xFF);
  EXPECT_EQ(in6->sin6_addr.s6_addr[15], 0xFF);
  EXPECT_EQ(in6->sin6_scope_id, 0U);
}

TEST(SocketAddress, IsMadeFromWhatTheKernelGives) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(7);
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(SocketAddress(in), SocketAddress("127.0.0.1", 7));
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(7);
  in6.sin6_addr = in6addr_loopback;
  EXPECT_EQ(SocketAddress(in6), SocketAddress("::1", 7));
}

// --- parsed ---

TEST(SocketAddress, EveryFormOfHostAndPortIsParsed) {
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
    EXPECT_EQ(SocketAddress::parse(text).toIpPort(), canonical) << text;
  }
}

TEST(SocketAddress, WhatItPrintsItParses) {
  for (const SocketAddress& address :
       {SocketAddress(), SocketAddress(80, true), SocketAddress(80, false, true),
        SocketAddress(80, true, true), SocketAddress("203.0.113.254", 65535),
        SocketAddress("2001:db8:ffff::abcd:0:1", 1), SocketAddress("::ffff:1.2.3.4", 2),
        SocketAddress("fe80::1%lo", 3), SocketAddress("fe80::1%4000000000", 4)}) {
    EXPECT_EQ(SocketAddress::parse(address.toIpPort()), address) << address.toIpPort();
    EXPECT_EQ(SocketAddress(address.toIp(), address.port()), address) << address.toIp();
  }
}

TEST(SocketAddress, WhatIsNoAddressIsRefusedNamingTheText) {
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
    EXPECT_THAT([&] { SocketAddress::parse(text); },
                ThrowsMessage<std::invalid_argument>(HasSubstr("'" + std::string(text) + "'")))
        << text;
  }
}

TEST(SocketAddress, ARefusalSaysWhatWouldBeRight) {
  EXPECT_THAT([] { SocketAddress::parse("localhost"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("host:port")));
  EXPECT_THAT([] { SocketAddress::parse("127.0.0.1:http"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("0 to 65535")));
  EXPECT_THAT([] { SocketAddress::parse("::1:80"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("[::1]:8080")));
}

TEST(SocketAddress, OnlyNumericAddressesAreTaken) {
  for (const std::string_view ip :
       {"", "localhost", "*", "example.org", "127.0.0", "127.0.0.256", " 127.0.0.1", "127.0.0.1 ",
        "127.0.0.1:80", "[::1]", ":", ":::", "::1 ", "12345::", "127.0.0.1%lo"}) {
    EXPECT_THAT(([&] { SocketAddress(ip, 80); }),
                ThrowsMessage<std::invalid_argument>(HasSubstr("'" + std::string(ip) + "'")))
        << ip;
  }
}

TEST(SocketAddress, ARefusalShowsTheWholeTextAndNoControlCharacters) {
  using namespace std::string_view_literals;
  try {
    SocketAddress::parse("a\0b\x1b[31m:80"sv);
    FAIL();
  } catch (const std::invalid_argument& refused) {
    EXPECT_EQ(std::string(refused.what()).rfind("'a\\x00b\\x1b[31m:80' is not an address: ", 0), 0U)
        << refused.what();
  }
}

// A view may hold anything: what follows a NUL must not vanish behind it.
TEST(SocketAddress, ATextWithANulInsideIsRefused) {
  using namespace std::string_view_literals;
  for (const std::string_view ip : {"127.0.0.1\0.example.org"sv, "127.0.0.1\0"sv, "::1\0"sv,
                                    "::1\0:2"sv, "fe80::1%lo\0x"sv, "fe80::1\0%lo"sv, "\0"sv}) {
    EXPECT_THROW(SocketAddress(ip, 80), std::invalid_argument) << ip;
    EXPECT_THROW(SocketAddress::parse('[' + std::string(ip) + "]:80"), std::invalid_argument) << ip;
    EXPECT_THROW(SocketAddress::parse(std::string(ip) + ":80"), std::invalid_argument) << ip;
  }
  EXPECT_THROW(SocketAddress::parse("127.0.0.1:80\0"sv), std::invalid_argument);
}

TEST(SocketAddress, AViewIsReadToItsEndOnly) {
  const std::string_view text = "127.0.0.1:8080";
  EXPECT_EQ(SocketAddress::parse(text.substr(0, 12)).toIpPort(), "127.0.0.1:80");
  EXPECT_EQ(SocketAddress(text.substr(0, 9), 1).toIp(), "127.0.0.1");
}

// --- scopes ---

TEST(SocketAddress, AScopeIsAnInterfacesNameOrNumber) {
  const unsigned lo = ::if_nametoindex("lo");
  ASSERT_NE(lo, 0U);
  const SocketAddress byName("fe80::1%lo", 80);
  const SocketAddress byNumber("fe80::1%" + std::to_string(lo), 80);
  EXPECT_EQ(byName, byNumber);
  EXPECT_EQ(byName.toIp(), "fe80::1%lo");
  EXPECT_EQ(byName.toIpPort(), "[fe80::1%lo]:80");
  EXPECT_EQ(reinterpret_cast<const sockaddr_in6*>(byName.sockAddr())->sin6_scope_id, lo);
  EXPECT_EQ(SocketAddress::parse("[fe80::1%lo]:80"), byName);
}

TEST(SocketAddress, ANumberThatIsNoInterfaceStaysANumber) {
  const SocketAddress address("fe80::1%4000000000", 80);
  EXPECT_EQ(address.toIp(), "fe80::1%4000000000");
}

TEST(SocketAddress, AnUnknownInterfaceIsNamed) {
  EXPECT_THAT(([] { SocketAddress("fe80::1%nosuchinterface", 80); }),
              ThrowsMessage<std::invalid_argument>(HasSubstr("nosuchinterface")));
}

// --- compared ---

TEST(SocketAddress, EqualMeansSameFamilyHostScopeAndPort) {
  const SocketAddress v4("192.0.2.1", 80);
  EXPECT_EQ(v4, SocketAddress("192.0.2.1", 80));
  EXPECT_NE(v4, SocketAddress("192.0.2.1", 81));
  EXPECT_NE(v4, SocketAddress("192.0.2.2", 80));
  EXPECT_NE(v4, SocketAddress("::ffff:192.0.2.1", 80));
  EXPECT_NE(SocketAddress(80), SocketAddress(80, false, true));
  const SocketAddress v6("fe80::1%lo", 80);
  EXPECT_EQ(v6, SocketAddress("fe80::1%lo", 80));
  EXPECT_NE(v6, SocketAddress("fe80::1%lo", 81));
  EXPECT_NE(v6, SocketAddress("fe80::2%lo", 80));
  EXPECT_NE(v6, SocketAddress("fe80::1", 80));
}

TEST(SocketAddress, BytesThatAreNoPartOfTheAddressDoNotCount) {
  sockaddr_in padded{};
  padded.sin_family = AF_INET;
  padded.sin_port = htons(80);
  padded.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (unsigned char& byte : padded.sin_zero) byte = 0xAA;
  EXPECT_EQ(SocketAddress(padded), SocketAddress(80, true));
  EXPECT_EQ(SocketAddress(padded).hashOfHost(), SocketAddress(80, true).hashOfHost());
  sockaddr_in6 flowing{};
  flowing.sin6_family = AF_INET6;
  flowing.sin6_port = htons(80);
  flowing.sin6_addr = in6addr_loopback;
  flowing.sin6_flowinfo = htonl(5);
  EXPECT_EQ(SocketAddress(flowing), SocketAddress(80, true, true));
  EXPECT_EQ(SocketAddress(flowing).hashOfHost(), SocketAddress(80, true, true).hashOfHost());
}

TEST(SocketAddress, TheHashIsOfTheHostAlone) {
  EXPECT_EQ(SocketAddress("192.0.2.1", 80).hashOfHost(),
            SocketAddress("192.0.2.1", 81).hashOfHost());
  EXPECT_EQ(SocketAddress("2001:db8::1", 1).hashOfHost(),
            SocketAddress("2001:db8::1", 2).hashOfHost());
  EXPECT_NE(SocketAddress("192.0.2.1", 80).hashOfHost(),
            SocketAddress("192.0.2.2", 80).hashOfHost());
  EXPECT_NE(SocketAddress("2001:db8::1", 1).hashOfHost(),
            SocketAddress("2001:db8::2", 1).hashOfHost());
}

// --- of sockets ---

class SocketOfEachFamily : public ::testing::TestWithParam<bool> {
 protected:
  static UniqueFd newSocket() {
    return UniqueFd(::socket(GetParam() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  }
};

TEST_P(SocketOfEachFamily, LocalOfAndPeerOfMirrorEachOther) {
  const SocketAddress anyPort(0, true, GetParam());
  const UniqueFd listener = newSocket();
  ASSERT_EQ(::bind(listener.get(), anyPort.sockAddr(), anyPort.sockAddrLength()), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  const auto listening = SocketAddress::localOf(listener.get());
  ASSERT_TRUE(listening);
  EXPECT_EQ(listening->toIp(), anyPort.toIp());
  EXPECT_NE(listening->port(), 0);
  EXPECT_FALSE(SocketAddress::peerOf(listener.get())) << "nobody is at the other end";

  const UniqueFd client = newSocket();
  ASSERT_EQ(::connect(client.get(), listening->sockAddr(), listening->sockAddrLength()), 0);
  const UniqueFd server(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(server);
  EXPECT_EQ(SocketAddress::localOf(server.get()), listening);
  EXPECT_EQ(SocketAddress::peerOf(client.get()), listening);
  EXPECT_EQ(SocketAddress::peerOf(server.get()), SocketAddress::localOf(client.get()));
}

TEST_P(SocketOfEachFamily, AnUnboundOneHasTheEmptyAddress) {
  const UniqueFd fd = newSocket();
  EXPECT_EQ(SocketAddress::localOf(fd.get()), SocketAddress(0, false, GetParam()));
}

INSTANTIATE_TEST_SUITE_P(SocketAddress, SocketOfEachFamily, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "IPv6" : "IPv4"; });

TEST(SocketAddress, WhatIsNoSocketOfTheseFamiliesHasNone) {
  EXPECT_EQ(SocketAddress::localOf(-1), std::nullopt);
  EXPECT_EQ(SocketAddress::peerOf(-1), std::nullopt);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  EXPECT_EQ(SocketAddress::localOf(reader.get()), std::nullopt);
  const UniqueFd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
  EXPECT_EQ(SocketAddress::localOf(netlink.get()), std::nullopt);
}

TEST(SocketAddressOfUnixSockets, IsReadAndPrintedInOneForm) {
  const SocketAddress path = SocketAddress::parse("unix:/run/tern.sock");
  EXPECT_TRUE(path.isUnix());
  EXPECT_EQ(path.path(), "/run/tern.sock");
  EXPECT_EQ(path.toString(), "unix:/run/tern.sock");
  EXPECT_EQ(path, SocketAddress::unixPath("/run/tern.sock"));
  EXPECT_EQ(path.port(), 0);
  EXPECT_EQ(path.sockAddrLength(), offsetof(sockaddr_un, sun_path) + 15);

  const SocketAddress abstract = SocketAddress::parse("unix:@tern");
  EXPECT_EQ(abstract.path(), "");
  EXPECT_EQ(abstract.toString(), "unix:@tern");
  EXPECT_EQ(abstract, SocketAddress::unixAbstract("tern"));
  EXPECT_EQ(abstract.sockAddrLength(), offsetof(sockaddr_un, sun_path) + 5);
  EXPECT_NE(abstract, SocketAddress::unixPath("@tern"));
  EXPECT_NE(abstract, path);
}

TEST(SocketAddressOfUnixSockets, RefusesNamesThatTheKernelCantHold) {
  const std::string longest(107, 'a');
  EXPECT_EQ(SocketAddress::unixPath(longest).path(), longest);
  EXPECT_THROW(static_cast<void>(SocketAddress::unixPath(longest + 'a')), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(SocketAddress::unixAbstract(longest)), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(SocketAddress::unixPath("")), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(SocketAddress::unixPath(std::string_view("a\0b", 3))),
               std::invalid_argument);
  try {
    static_cast<void>(SocketAddress::parse("unix:" + longest + "a"));
    ADD_FAILURE() << "accepted";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("107 bytes at most"), std::string::npos)
        << error.what();
  }
  EXPECT_THROW(static_cast<void>(SocketAddress::parse("unix:")), std::invalid_argument);
}

TEST(SocketAddressOfUnixSockets, PrintsNoControlBytes) {
  EXPECT_EQ(SocketAddress::unixAbstract(std::string_view("a\0b\x1b[2J", 7)).toString(),
            "unix:@a?b?[2J");
}

TEST(SocketAddressOfUnixSockets, OfASocketPairIsWithoutAName) {
  std::array<int, 2> fds{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
  const UniqueFd first(fds[0]);
  const UniqueFd second(fds[1]);
  const auto peer = SocketAddress::peerOf(first.get());
  ASSERT_TRUE(peer);
  EXPECT_TRUE(peer->isUnix());
  EXPECT_EQ(peer->toString(), "unix:");
  EXPECT_EQ(*peer, SocketAddress::unixAbstract(""));
}

TEST(SocketAddressMapping, TellsTheIPv4AddressBehindAMappedOne) {
  EXPECT_EQ(SocketAddress("::ffff:192.0.2.1", 80).unmapped(), SocketAddress("192.0.2.1", 80));
  EXPECT_EQ(SocketAddress("::ffff:192.0.2.1", 80).hashOfHost(),
            SocketAddress("192.0.2.1", 81).hashOfHost());
  EXPECT_EQ(SocketAddress("::1", 80).unmapped(), SocketAddress("::1", 80));
  EXPECT_EQ(SocketAddress("192.0.2.1", 80).unmapped(), SocketAddress("192.0.2.1", 80));
}

TEST(SocketAddressName, InetAddressIsTheSameType) { EXPECT_EQ(InetAddress(80), SocketAddress(80)); }

}  // namespace
}  // namespace tern
