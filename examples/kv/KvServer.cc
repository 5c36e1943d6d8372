// KvServer: a session for each connection, and what the sessions of a loop share.
#include "KvServer.h"

#include <tern/base/Buffer.h>
#include <tern/base/Logging.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <any>
#include <chrono>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tern::kv {
namespace {

using namespace std::chrono_literals;

// With more than the high mark waiting to be sent, no command of the client is carried out until it
// has taken all but the low mark.
constexpr std::size_t kHighMark = std::size_t{1024} * 1024;
constexpr std::size_t kLowMark = std::size_t{256} * 1024;
// A piece of replies that is handed over before its batch is done, moved rather than copied.
constexpr std::size_t kLargePiece = std::size_t{64} * 1024;
constexpr std::size_t kKeptArguments = 4096;

// How long a client that was told off may go on sending.
constexpr auto kPartingTime = 1s;

constexpr auto kSweepInterval = 100ms;
constexpr std::size_t kSweptAtOnce = 500;

Time toTime(Timestamp when) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(when.time_since_epoch()).count();
}

}  // namespace

// A connection's.
struct KvServer::Session {
  RespParser parser;
  Client client;
  Worker* worker;
};

// A loop's: what is only used inside of a callback.
struct KvServer::Worker {
  std::vector<std::string_view> arguments;
  std::string replies;
};

KvServer::KvServer(TcpServer& server, const Store::Options& store, const RespParser::Limits& limits)
    : limits_(limits), store_(store) {
  facts_.port = server.address().port();
  facts_.bulkLength = limits.bulkLength;
  server.setThreadInitCallback([this](EventLoop* loop) { setUp(loop); });
  server.setConnectionCallback(
      [this](const TcpConnectionPtr& connection) { greetOrPart(connection); });
  server.setMessageCallback([this](const TcpConnectionPtr& connection, Buffer* input,
                                   Timestamp when) { receive(connection, input, toTime(when)); });
  server.setHighWaterMarkCallback({}, kHighMark);
  server.setLowWaterMarkCallback(
      [](const TcpConnectionPtr& connection, std::size_t) { connection->startRead(); }, kLowMark);
  server.setOutputLimit(Reply::kMost + 2 * kHighMark);

  EventLoop* const loop = server.getLoop();
  loop->runEvery(kSweepInterval, [this, loop] { sweep(loop); });
}

KvServer::~KvServer() = default;

void KvServer::setUp(EventLoop* loop) { loop->setContext(std::make_shared<Worker>()); }

void KvServer::greetOrPart(const TcpConnectionPtr& connection) {
  if (!connection->connected()) {
    facts_.clients.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  facts_.clients.fetch_add(1, std::memory_order_relaxed);
  auto& worker =
      std::any_cast<std::shared_ptr<Worker>&>(*connection->getLoop()->getMutableContext());
  connection->setContext(
      Session{RespParser(limits_), Client{connection->id(), {}, false}, worker.get()});
}

void KvServer::receive(const TcpConnectionPtr& connection, Buffer* input, Time now) {
  auto* const session = std::any_cast<Session>(connection->getMutableContext());
  if (session->client.closing) {
    input->retrieveAll();
  } else if (!serveSafely(connection, *session, input, now)) {
    // Until the client has taken most of what it was sent.
    connection->stopRead();
    connection->showInputAgain();
  }
}

// Running out of memory costs the client that asked for it its connection, and nobody else.
bool KvServer::serveSafely(const TcpConnectionPtr& connection, Session& session, Buffer* input,
                           Time now) {
  try {
    return serve(connection, session, input, now);
  } catch (const std::bad_alloc&) {
    log(LogLevel::kError, connection->name() + ": no memory for its command; closed");
    giveUp(connection, session);
    return true;
  }
}

void KvServer::giveUp(const TcpConnectionPtr& connection, Session& session) {
  std::string().swap(session.worker->replies);
  session.client.closing = true;
  connection->forceClose();
}

// Carries out the commands in the input; false when it stopped because the client does not read.
bool KvServer::serve(const TcpConnectionPtr& connection, Session& session, Buffer* input,
                     Time now) {
  using Status = RespParser::Status;
  std::string& replies = session.worker->replies;
  const std::string_view bytes = input->view();
  std::size_t done = 0;
  bool reads = connection->outputBytes() <= kHighMark;
  Status status = Status::kIncomplete;
  while (reads && !session.client.closing) {
    status = session.parser.parse(bytes.substr(done));
    if (status != Status::kCommand) break;
    if (!executeOne(connection, session, bytes.substr(done), now)) break;
    done += session.parser.length();
    if (replies.size() >= kLargePiece) connection->send(std::exchange(replies, {}));
    reads = connection->outputBytes() <= kHighMark;
  }
  if (status == Status::kError) {
    Reply(replies).error("ERR " + session.parser.error());
    session.client.closing = true;
  }
  connection->send(std::string_view(replies));
  replies.clear();
  if (session.client.closing) {
    // What else it sends is discarded, since closing at once might take the reply from it.
    input->retrieveAll();
    connection->shutdown();
    connection->forceCloseWithDelay(kPartingTime);
    return true;
  }
  input->retrieve(done);
  return reads;
}

// False when the connection is lost.
bool KvServer::executeOne(const TcpConnectionPtr& connection, Session& session,
                          std::string_view input, Time now) {
  Worker& worker = *session.worker;
  session.parser.arguments(input, worker.arguments);
  if (worker.arguments.empty()) return true;
  Reply reply(worker.replies);
  Call call{worker.arguments, reply, store_, session.client, facts_, now};
  execute(call);
  if (worker.arguments.capacity() > kKeptArguments) {
    std::vector<std::string_view>().swap(worker.arguments);
  }
  if (!reply.tooLong()) return true;
  log(LogLevel::kWarn, connection->name() + ": asked for more than can be sent; closed");
  giveUp(connection, session);
  return false;
}

// Bounded, so that clients don't wait while a million keys expire: the rest is done in next turns.
void KvServer::sweep(EventLoop* loop) {
  if (!store_.sweep(toTime(Clock::now()), kSweptAtOnce)) {
    loop->queueInLoop([this, loop] { sweep(loop); });
  }
}

}  // namespace tern::kv
