// PlainServersProcess: file, idle and chat as programs, and the time and chat clients.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "support/Peers.h"
#include "support/ServerProgramFixture.h"

namespace tern::testing {
namespace {

// A file that the server can open by name.
class NamedFile {
 public:
  explicit NamedFile(const std::string& bytes) : fd_(::memfd_create("tern-test", 0)) {
    std::size_t written = 0;
    while (written < bytes.size()) {
      const ssize_t n = ::write(fd_.get(), bytes.data() + written, bytes.size() - written);
      if (n <= 0) throw std::runtime_error("a file can't be written");
      written += static_cast<std::size_t>(n);
    }
  }
  [[nodiscard]] std::string path() const {
    return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_.get());
  }

 private:
  UniqueFd fd_;
};

// Runs a program in the expectation that it ends by itself.
int statusOf(const std::string& program, const std::vector<std::string>& arguments,
             std::string& errors) {
  Process process(exampleProgram(program), {arguments, {}, {}});
  const int status = process.wait();
  errors = process.errors();
  return status;
}

class PlainServersProcess : public ServerProgramFixture {
 protected:
  // As it was when the test began to wait for it.
  static std::string lineOf(Peer& peer) {
    std::string line;
    while (!line.ends_with('\n')) line += peer.receiveExactly(1);
    return line;
  }
};

TEST_P(PlainServersProcess, FileIsSentWholeToEveryone) {
  const std::string bytes = patternOf(5'000'000);
  const NamedFile file(bytes);
  start("file_server", {"--file", file.path(), "--threads", "2"});
  Peer first(address());
  Peer second(address());
  expectSameBytes(second.receiveUntilEof(), bytes);
  expectSameBytes(first.receiveUntilEof(), bytes);
}

TEST_P(PlainServersProcess, FileNamesAFileThatIsNotThere) {
  std::string errors;
  EXPECT_EQ(statusOf("file_server", {"--poller", GetParam(), "--file", "/no/such/file"}, errors),
            2);
  EXPECT_EQ(errors, "file_server: /no/such/file: No such file or directory\n");
  EXPECT_EQ(statusOf("file_server", {"--file", "/"}, errors), 2);
  EXPECT_EQ(errors, "file_server: / is not a regular file\n");
}

TEST_P(PlainServersProcess, IdleClosesWhoIsSilentAndKeepsWhoTalks) {
  start("idle_server", {"--timeout", "0.2"});
  Peer talker(address());
  Peer silent(address());
  silent.sendAll("only word");
  EXPECT_EQ(silent.receiveExactly(9), "only word");
  bool ended = false;
  while (!ended) {
    talker.sendAll("x");
    EXPECT_EQ(talker.receiveExactly(1), "x");
    std::string rest(1, '\0');
    ended = ::recv(silent.fd(), rest.data(), 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN;
  }
  talker.sendAll("y");
  EXPECT_EQ(talker.receiveExactly(1), "y");
}

TEST_P(PlainServersProcess, ChatTellsEachLineToTheOthers) {
  start("chat_server", {"--threads", "2"});
  Peer first(address());
  EXPECT_EQ(lineOf(first), "guest 1 is here\n");
  Peer second(address());
  EXPECT_EQ(lineOf(first), "guest 2 is here\n");
  EXPECT_EQ(lineOf(second), "guest 2 is here\n");
  second.sendAll("hello");
  second.sendAll(" there\r\nand more\n");
  EXPECT_EQ(lineOf(first), "guest 2: hello there\n");
  EXPECT_EQ(lineOf(first), "guest 2: and more\n");
  second.close();
  EXPECT_EQ(lineOf(first), "guest 2 has left\n");
}

TEST_P(PlainServersProcess, ChatSendsAwayWhoTalksWithoutEnd) {
  start("chat_server");
  Peer peer(address());
  EXPECT_EQ(lineOf(peer), "guest 1 is here\n");
  peer.sendAll(std::string(5000, 'x'));
  EXPECT_EQ(lineOf(peer), "a line may have 4096 bytes; goodbye\n");
  EXPECT_EQ(peer.receiveUntilEnd().bytes, "");
}

TEST_P(PlainServersProcess, TimeClientPrintsTheTime) {
  start("time_server");
  Process client(exampleProgram("time_client"),
                 {{"--connect", address().toString(), "--poller", GetParam()}, {}, {}});
  const std::string line = client.readLine();
  EXPECT_TRUE(line.starts_with("20") && line.ends_with(" UTC")) << line;
  EXPECT_EQ(client.wait(), 0);
}

TEST_P(PlainServersProcess, ClientsNameAServerThatIsNotThere) {
  const PeerListener nobody;
  const std::string address = nobody.address().toString();
  for (const std::string program : {"time_client", "chat_client"}) {
    std::string errors;
    EXPECT_EQ(statusOf(program, {"--connect", address, "--poller", GetParam()}, errors), 1);
    EXPECT_EQ(errors, program + ": " + address + ": Connection refused\n");
  }
}

TERN_ON_EACH_PROGRAM_POLLER(PlainServersProcess);

}  // namespace
}  // namespace tern::testing
