// ComputeServer: lines in, jobs out.
#include "ComputeServer.h"

#include <Sudoku.h>
#include <tern/base/Buffer.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <any>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace tern::compute {
namespace {

using namespace std::chrono_literals;

// Answers that wait to be read, above and below which the connection is not, and is, read from.
constexpr std::size_t kHighMark = std::size_t{1024} * 1024;
constexpr std::size_t kLowMark = std::size_t{256} * 1024;

constexpr std::size_t kMostId = 32;
constexpr std::size_t kMostLine = 256;

// How long a client that was told off may go on sending.
constexpr auto kPartingTime = 1s;

using SessionPtr = std::shared_ptr<ComputeSession>;

const SessionPtr& sessionOf(const TcpConnectionPtr& connection) {
  return *std::any_cast<SessionPtr>(connection->getMutableContext());
}

void tellOff(const TcpConnectionPtr& connection, std::string_view error) {
  connection->send("Error:" + std::string(error) + "\r\n");
  sessionOf(connection)->abandon();
  connection->shutdown();
  connection->forceCloseWithDelay(kPartingTime);
}

}  // namespace

ComputeServer::ComputeServer(TcpServer& server, const ComputeOptions& options) : options_(options) {
  server.setConnectionCallback([this](const TcpConnectionPtr& connection) {
    if (connection->connected()) {
      connected(connection);
    } else {
      sessionOf(connection)->abandon();
    }
  });
  server.setMessageCallback([this](const TcpConnectionPtr& connection, Buffer* input, Timestamp) {
    receive(connection, input);
  });
  server.setHalfCloseCallback(
      [](const TcpConnectionPtr& connection) { sessionOf(connection)->finish(); });
  server.setHighWaterMarkCallback(
      [](const TcpConnectionPtr& connection, std::size_t) {
        sessionOf(connection)->setOutputFull(true);
        connection->stopRead();
      },
      kHighMark);
  server.setLowWaterMarkCallback(
      [](const TcpConnectionPtr& connection, std::size_t) {
        const SessionPtr& session = sessionOf(connection);
        session->setOutputFull(false);
        if (!session->mustPause()) connection->startRead();
      },
      kLowMark);
  // On the running loop: by then the signals that end the program are blocked in new threads.
  server.getLoop()->queueInLoop([this] { pool_.start(options_.threads); });
}

void ComputeServer::connected(const TcpConnectionPtr& connection) const {
  connection->setContext(std::make_shared<ComputeSession>(connection, options_.mostWaiting));
}

void ComputeServer::receive(const TcpConnectionPtr& connection, Buffer* input) {
  while (connection->connected()) {
    const char* const end = input->findEOL();
    if (end == nullptr) break;
    std::string_view line(input->peek(), static_cast<std::size_t>(end - input->peek()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!accept(connection, line)) break;
    input->retrieveUntil(end + 1);
  }
  if (connection->connected() && input->readableBytes() > kMostLine) {
    tellOff(connection, "LineTooLong");
  }
  if (!connection->connected()) input->retrieveAll();
  if (sessionOf(connection)->mustPause()) connection->stopRead();
}

// False when the connection ends.
bool ComputeServer::accept(const TcpConnectionPtr& connection, std::string_view line) {
  if (line.size() > kMostLine) {
    tellOff(connection, "LineTooLong");
    return false;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon > kMostId) {
    tellOff(connection, "NotARequest");
    return false;
  }
  const std::string_view id = line.substr(0, colon);
  const std::string_view puzzle = line.substr(colon + 1);
  if (puzzle.size() != sudoku::kCells) {
    connection->send(std::string(id) + ":BadPuzzle\r\n");
    return true;
  }
  const SessionPtr& session = sessionOf(connection);
  if (session->add({std::string(id), std::string(puzzle)})) pool_.schedule(session);
  return true;
}

}  // namespace tern::compute
