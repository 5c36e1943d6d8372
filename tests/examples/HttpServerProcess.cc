// HttpServerProcess: the example HTTP server as a program: files, ranges, and nothing outside its
// folder.
#include <gtest/gtest.h>
#include <tern/http/Date.h>

#include <chrono>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/Folder.h"
#include "support/Peers.h"
#include "support/Process.h"
#include "support/ServerProcess.h"

namespace tern::testing {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

/// A folder with files to serve, and a secret beside them.
class Site {
 public:
  Site() {
    fs::create_directories(root() / "sub dir");
    write(secret(), "secret");
    write(root() / "hello.txt", "0123456789");
    write(root() / "empty.html", "");
    write(root() / "sub dir" / "index.html", "<p>index</p>");
    fs::create_symlink("hello.txt", root() / "inside");
    fs::create_symlink("../secret.txt", root() / "outside");
    fs::create_symlink(secret(), root() / "absolute");
    fs::create_directory_symlink("..", root() / "up");
  }

  [[nodiscard]] fs::path root() const { return folder_.path() / "root"; }

 private:
  [[nodiscard]] fs::path secret() const { return folder_.path() / "secret.txt"; }

  Folder folder_;
};

/// What a request on a connection of its own gets, up to the end.
struct Answer {
  std::string head;
  std::string body;
  [[nodiscard]] std::string status() const { return head.substr(9, 3); }
  [[nodiscard]] bool has(const std::string& line) const {
    return head.find("\r\n" + line + "\r\n") != std::string::npos;
  }
};

class HttpServerProcess : public ::testing::TestWithParam<std::string> {
 protected:
  HttpServerProcess()
      : server_(exampleProgram("http_server"), {{"--listen", "127.0.0.1:0", "--poller", GetParam(),
                                                 "--root", site_.root().string()},
                                                {},
                                                {}}) {}

  void TearDown() override {
    server_.process().signal(SIGTERM);
    EXPECT_EQ(server_.end(), 0);
    EXPECT_EQ(server_.process().errors(), "");
  }

  Answer ask(const std::string& method, const std::string& target, const std::string& fields = "",
             const std::string& body = "") {
    Peer peer(server_.address());
    peer.sendAll(method + ' ' + target + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + fields +
                 "\r\n" + body);
    const std::string all = peer.receiveUntilEof();
    const std::size_t end = all.find("\r\n\r\n");
    if (end == std::string::npos) throw std::runtime_error("no reply: " + all);
    return {all.substr(0, end + 4), all.substr(end + 4)};
  }
  Answer get(const std::string& target, const std::string& fields = "") {
    return ask("GET", target, fields);
  }

  Site site_;
  ServerProcess server_;
};

TEST_P(HttpServerProcess, ServesFiles) {
  const Answer file = get("/hello.txt");
  EXPECT_EQ(file.status(), "200");
  EXPECT_EQ(file.body, "0123456789");
  EXPECT_TRUE(file.has("Content-Type: text/plain; charset=utf-8"));
  EXPECT_TRUE(file.has("Content-Length: 10"));
  EXPECT_EQ(get("/inside").body, "0123456789");
  EXPECT_EQ(get("/empty.html").body, "");
  EXPECT_EQ(get("/empty.html").status(), "200");
  EXPECT_EQ(get("/sub%20dir/index.html?query").body, "<p>index</p>");
  EXPECT_TRUE(get("/sub%20dir").has("Content-Type: text/html; charset=utf-8"));
  EXPECT_EQ(get("/sub%20dir/").body, "<p>index</p>");
  EXPECT_EQ(get("/sub%20dir/../hello.txt").body, "0123456789");
}

TEST_P(HttpServerProcess, ServesNothingElse) {
  for (const char* target : {"/none", "/", "/outside", "/absolute", "/up/secret.txt",
                             "/../secret.txt", "/%2e%2e/secret.txt", "/sub%20dir/../../secret.txt",
                             "/..%2fsecret.txt", "//etc/passwd", "/hello.txt/", "/proc/self/exe"}) {
    const Answer answer = get(target);
    EXPECT_EQ(answer.status(), "404") << target;
    EXPECT_EQ(answer.body.find("secret"), std::string::npos) << target;
  }
  EXPECT_EQ(get("/hello.txt%00.html").status(), "400");
  EXPECT_EQ(get("/%zz").status(), "400");
  EXPECT_EQ(ask("DELETE", "/hello.txt").status(), "405");
}

TEST_P(HttpServerProcess, ServesRanges) {
  const Answer part = get("/hello.txt", "Range: bytes=2-4\r\n");
  EXPECT_EQ(part.status(), "206");
  EXPECT_EQ(part.body, "234");
  EXPECT_TRUE(part.has("Content-Range: bytes 2-4/10"));
  EXPECT_EQ(get("/hello.txt", "Range: bytes=7-\r\n").body, "789");
  EXPECT_EQ(get("/hello.txt", "Range: bytes=7-99\r\n").body, "789");
  EXPECT_EQ(get("/hello.txt", "Range: bytes=-3\r\n").body, "789");
  EXPECT_EQ(get("/hello.txt", "Range: bytes=-99\r\n").body, "0123456789");
  for (const char* range : {"bytes=10-", "bytes=99-100", "bytes=-0"}) {
    const Answer none = get("/hello.txt", std::string("Range: ") + range + "\r\n");
    EXPECT_EQ(none.status(), "416") << range;
    EXPECT_TRUE(none.has("Content-Range: bytes */10")) << range;
  }
  for (const char* range : {"bytes=4-2", "bytes=a-b", "bytes=1-2,4-5", "lines=1-2", "bytes",
                            "bytes=-", "bytes=99999999999999999999-"}) {
    EXPECT_EQ(get("/hello.txt", std::string("Range: ") + range + "\r\n").status(), "200") << range;
  }
  EXPECT_EQ(get("/hello.txt", "Range: bytes=2-4\r\nIf-Range: \"x\"\r\n").status(), "200");
}

TEST_P(HttpServerProcess, SendsWhatIsNewer) {
  const auto since = [](std::time_t time) {
    return "If-Modified-Since: " + http::formatDate(time) + "\r\n";
  };
  const Answer fresh = get("/hello.txt", since(std::time(nullptr) + 10));
  EXPECT_EQ(fresh.status(), "304");
  EXPECT_EQ(fresh.body, "");
  EXPECT_EQ(get("/hello.txt", since(1000)).status(), "200");
  EXPECT_EQ(get("/hello.txt", "If-Modified-Since: yesterday\r\n").status(), "200");
}

TEST_P(HttpServerProcess, AnswersHeadWithoutABody) {
  const Answer head = ask("HEAD", "/hello.txt");
  EXPECT_EQ(head.status(), "200");
  EXPECT_TRUE(head.has("Content-Length: 10"));
  EXPECT_EQ(head.body, "");
}

TEST_P(HttpServerProcess, StreamsLargeFiles) {
  const std::string much = patternOf(std::size_t{20} << 20U);
  write(site_.root() / "large", much);
  expectSameBytes(get("/large").body, much);
  expectSameBytes(get("/large", "Range: bytes=1000000-9000000\r\n").body,
                  much.substr(1000000, 8000001));
}

TEST_P(HttpServerProcess, EchoesWhatIsPosted) {
  EXPECT_EQ(ask("POST", "/echo", "Content-Length: 4\r\n", "body").body, "body");
  EXPECT_EQ(ask("PUT", "/echo", "Transfer-Encoding: chunked\r\n", "4\r\nbody\r\n0\r\n\r\n").body,
            "body");
}

INSTANTIATE_TEST_SUITE_P(On, HttpServerProcess, ::testing::Values("poll", "epoll", "io_uring"),
                         [](const auto& instance) { return instance.param; });

TEST(HttpServerProcessAlone, GreetsWithoutAFolder) {
  ServerProcess server(exampleProgram("http_server"), {{"--threads", "2"}, {}, {}});
  {
    Peer peer(server.address());
    peer.sendAll("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(peer.receiveUntilEof().ends_with("\r\n\r\nHello from tern!\n"));
  }
  server.process().signal(SIGTERM);
  EXPECT_EQ(server.end(), 0);
}

TEST(HttpServerProcessAlone, RefusesAFolderThatIsNone) {
  Process process(exampleProgram("http_server"), {{"--root", "/nowhere/at/all"}, {}, {}});
  EXPECT_EQ(process.wait(), 2);
  EXPECT_NE(process.errors().find("/nowhere/at/all"), std::string::npos);
}

}  // namespace
}  // namespace tern::testing
