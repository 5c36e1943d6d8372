// ServerFixture: threads, and what must hold at the end of every test.
#include "ServerFixture.h"

#include <exception>

namespace tern::testing {

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

std::string takeBytes(Mailbox<std::string>& pieces, std::size_t length) {
  std::string bytes;
  while (bytes.size() < length) bytes += pieces.take();
  return bytes;
}

// --- LoopThread ---

LoopThread::LoopThread(const PollerSpec& spec) {
  std::promise<EventLoop*> made;
  thread_ = std::thread([this, &spec, &made] { run(spec, made); });
  try {
    loop_ = made.get_future().get();
  } catch (...) {
    thread_.join();
    throw;
  }
}

LoopThread::~LoopThread() {
  loop_->quit();
  mayEnd_.set_value();
  thread_.join();
}

void LoopThread::run(const PollerSpec& spec, std::promise<EventLoop*>& made) {
  std::optional<EventLoop> loop;
  try {
    loop.emplace(spec);
  } catch (...) {
    made.set_exception(std::current_exception());
    return;
  }
  made.set_value(&*loop);
  for (;;) {
    try {
      loop->loop();
      break;
    } catch (const std::exception& error) {
      escaped_.put(error.what());
    }
  }
  mayEnd_.get_future().wait();
}

// --- LoopHold ---

LoopHold::LoopHold(EventLoop& loop) {
  auto entered = std::make_shared<std::promise<void>>();
  loop.queueInLoop([entered, end = end_] {
    entered->set_value();
    end->get_future().wait();
  });
  if (entered->get_future().wait_for(kPatience) != std::future_status::ready) {
    throw std::runtime_error("the loop can't be held: it does not run functors");
  }
}

void LoopHold::release() {
  if (!std::exchange(released_, true)) end_->set_value();
}

// --- ServerFixture ---

ServerFixture::ServerFixture() = default;
ServerFixture::~ServerFixture() = default;

void ServerFixture::serve(const std::function<void(TcpServer&)>& configure,
                          TcpServer::Option option) {
  thread_ = std::make_unique<LoopThread>(GetParam().spec);
  runOnLoop([&] {
    server_ = std::make_unique<TcpServer>(&loop(), listenAddress, "test", option);
    server_->setConnectionCallback(
        [this](const TcpConnectionPtr& connection) { note(connection); });
    configure(*server_);
    server_->start();
    address_ = server_->address();
  });
}

void ServerFixture::note(const TcpConnectionPtr& connection) {
  // Last, so that a test that has waited for it finds the hook's effects; and also if the hook
  // throws.
  struct Finally {
    ServerFixture& fixture;
    const TcpConnectionPtr& connection;
    const bool down;
    ~Finally() {
      if (down) {
        fixture.downs_.put({connection, connection->closeReason()});
      } else {
        fixture.ups_.put(connection);
      }
    }
  };
  const Finally finally{*this, connection, connection->disconnected()};
  const ConnectionCallback& hook = finally.down ? onDown : onUp;
  if (hook) hook(connection);
}

void ServerFixture::serveMessages(const MessageCallback& onMessage) {
  serve([&](TcpServer& server) { server.setMessageCallback(onMessage); });
}

void ServerFixture::serveEcho() {
  serveMessages([](const TcpConnectionPtr& connection, Buffer* buffer, Timestamp) {
    connection->send(buffer);
  });
}

PollerStats ServerFixture::statsOfTicks(int ticks, Delay interval) {
  Mailbox<PollerStats> difference;
  runOnLoop([&] {
    const PollerStats before = loop().poller().stats();
    auto left = std::make_shared<int>(ticks);
    auto id = std::make_shared<TimerId>();
    *id = loop().runEvery(interval, [this, before, left, id, &difference] {
      if (--*left > 0) return;
      loop().cancel(*id);
      const PollerStats now = loop().poller().stats();
      difference.put({now.waits - before.waits, now.receives - before.receives,
                      now.sends - before.sends, now.accepts - before.accepts});
    });
  });
  const PollerStats result = difference.take();
  runOnLoop([] {});  // it has let go of the mailbox
  return result;
}

void ServerFixture::stopServer() {
  if (server_ != nullptr) runOnLoop([this] { server_.reset(); });
}

void ServerFixture::stop() {
  if (thread_ == nullptr) return;
  stopServer();
  std::vector<std::string> escaped;
  for (std::size_t left = thread_->escaped().size(); left > 0; --left) {
    escaped.push_back(thread_->escaped().take());
  }
  thread_.reset();
  EXPECT_EQ(ups_.total(), downs_.total()) << "connections that came up, and that went down";
  EXPECT_EQ(escaped, std::vector<std::string>()) << "exceptions that left loop()";
}

}  // namespace tern::testing
