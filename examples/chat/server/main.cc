// chat_server: what one says, all the others hear. A line is a message.
#include <tern/codec/LineCodec.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_set>

#include "ServerProgram.h"

namespace {

using tern::TcpConnectionPtr;
using tern::Timestamp;

constexpr std::size_t kLongestLine = 4096;
// Who does not listen for so long is not kept.
constexpr std::size_t kMostUnheard = std::size_t{1024} * 1024;

/// Who is there. Connections of several loops come and go, hence the lock.
class Room {
 public:
  void onConnection(const TcpConnectionPtr& connection) {
    {
      const std::lock_guard lock(mutex_);
      if (connection->connected()) {
        members_.insert(connection);
      } else {
        members_.erase(connection);
      }
    }
    const char* what = connection->connected() ? " is here\n" : " has left\n";
    tell(nameOf(connection) + what, nullptr);
  }

  void onLine(const TcpConnectionPtr& speaker, std::string_view line) {
    std::string words = nameOf(speaker) + ": ";
    words += line;
    tell(words + '\n', speaker.get());
  }

 private:
  static std::string nameOf(const TcpConnectionPtr& connection) {
    return "guest " + std::to_string(connection->id());
  }

  // One string for all: a connection holds a reference until it has been sent.
  void tell(std::string words, const tern::TcpConnection* except) {
    const auto message = std::make_shared<const std::string>(std::move(words));
    const std::lock_guard lock(mutex_);
    for (const TcpConnectionPtr& member : members_) {
      if (member.get() != except) member->send(message);
    }
  }

  std::mutex mutex_;
  std::unordered_set<TcpConnectionPtr> members_;  // guarded by mutex_
};

}  // namespace

int main(int argc, char** argv) {
  Room room;
  return tern::examples::runServerProgram(
      argc, argv, "What one says, all the others hear.", [&room](tern::TcpServer& server) {
        server.setConnectionCallback(
            [&room](const TcpConnectionPtr& connection) { room.onConnection(connection); });
        server.setMessageCallback(
            tern::LineCodec(kLongestLine)
                .onMessage([&room](const TcpConnectionPtr& connection, std::string_view line,
                                   Timestamp) { room.onLine(connection, line); },
                           [](const TcpConnectionPtr& connection, std::error_code) {
                             connection->send("a line may have " + std::to_string(kLongestLine) +
                                              " bytes; goodbye\n");
                           }));
        server.setOutputLimit(kMostUnheard);
      });
}
