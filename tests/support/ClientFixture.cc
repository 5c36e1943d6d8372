// ClientFixture: a client whose callbacks fill mailboxes.
#include "ClientFixture.h"

namespace tern::testing {

void ClientFixture::TearDown() {
  if (client_ != nullptr) endClient();
  if (thread_ == nullptr) return;
  EXPECT_EQ(thread_->escaped().size(), 0U) << thread_->escaped().take();
  // What was left behind may come late: a loop that ends has run it all.
  thread_.reset();
  EXPECT_EQ(ups.total(), downs.total());
}

void ClientFixture::noteCallback() const { EXPECT_FALSE(ended_) << "a late callback"; }

TcpClient& ClientFixture::makeClient(const std::function<void(TcpClient&)>& configure) {
  return makeClient(listener.address(), configure);
}

TcpClient& ClientFixture::makeClient(const SocketAddress& server,
                                     const std::function<void(TcpClient&)>& configure) {
  client_ = std::make_unique<TcpClient>(&loop(), server, "client");
  client_->setConnectionCallback([this](const TcpConnectionPtr& connection) {
    noteCallback();
    const bool up = connection->connected();
    // Noted first: a hook may end the client, and with it the connection.
    if (up) {
      ups.put(connection);
      if (onUp) onUp(connection);
    } else {
      downs.put({connection, connection->closeReason()});
      if (onDown) onDown(connection);
    }
  });
  client_->setMessageCallback([this](const TcpConnectionPtr&, Buffer* buffer, Timestamp) {
    noteCallback();
    received.put(buffer->retrieveAllAsString());
    if (onMessage) onMessage();
  });
  client_->setConnectErrorCallback([this](std::error_code error, std::optional<Duration> retryIn) {
    noteCallback();
    failures.put({error, retryIn});
    if (onConnectError) onConnectError();
  });
  if (configure) configure(*client_);
  return *client_;
}

void ClientFixture::endClient() {
  client_.reset();
  ended_ = true;
}

void ClientFixture::endClientOnLoop() {
  runOnLoop([this] { endClient(); });
}

}  // namespace tern::testing
