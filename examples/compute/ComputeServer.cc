// ComputeServer: lines in, jobs out.
#include "ComputeServer.h"

#include <Sudoku.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <any>
#include <chrono>
#include <memory>
#include <string>
#include <system_error>
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

}  // namespace

ComputeServer::ComputeServer(TcpServer& server, const ComputeOptions& options)
    : options_(options), codec_(kMostLine, LineCodec::Ending::kCrLf) {
  server.setConnectionCallback([this](const TcpConnectionPtr& connection) {
    if (connection->connected()) {
      connected(connection);
    } else {
      sessionOf(connection)->abandon();
    }
  });
  server.setMessageCallback(
      codec_.onMessage([this](const TcpConnectionPtr& connection, std::string_view line,
                              Timestamp) { receive(connection, line); },
                       [this](const TcpConnectionPtr& connection, std::error_code) {
                         sayLast(connection, "LineTooLong");
                         // What else it sends is discarded: unread, it could take that line from
                         // the client.
                         connection->startRead();
                       },
                       kPartingTime));
  // Whether the client or this server will stop: what was asked is answered first.
  const auto finish = [](const TcpConnectionPtr& connection) { sessionOf(connection)->finish(); };
  server.setHalfCloseCallback(finish);
  server.setDrainCallback(finish);
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
  connection->setContext(
      std::make_shared<ComputeSession>(connection, codec_, options_.mostWaiting));
}

void ComputeServer::receive(const TcpConnectionPtr& connection, std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon > kMostId) {
    sayLast(connection, "NotARequest");
    connection->shutdown();
    connection->forceCloseWithDelay(kPartingTime);
    return;
  }
  accept(connection, line.substr(0, colon), line.substr(colon + 1));
  // The codec keeps the lines behind this one until reading starts again.
  if (sessionOf(connection)->mustPause()) connection->stopRead();
}

void ComputeServer::accept(const TcpConnectionPtr& connection, std::string_view id,
                           std::string_view puzzle) {
  if (puzzle.size() != sudoku::kCells) {
    codec_.send(connection, std::string(id) + ":BadPuzzle");
    return;
  }
  const SessionPtr& session = sessionOf(connection);
  if (session->add({std::string(id), std::string(puzzle)})) pool_.schedule(session);
}

// Behind the answers that were sent; those that were not drop out.
void ComputeServer::sayLast(const TcpConnectionPtr& connection, std::string_view error) const {
  codec_.send(connection, "Error:" + std::string(error));
  sessionOf(connection)->abandon();
}

}  // namespace tern::compute
