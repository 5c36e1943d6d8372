// Relay: each end's callbacks act on the other.
#include "tern/net/Relay.h"

#include "tern/base/Error.h"
#include "tern/net/TcpConnection.h"

namespace tern {
namespace {

using Weak = std::weak_ptr<TcpConnection>;

// `from` is gone: nobody is left to send to, nor to hear from.
void end(const TcpConnection& from, const TcpConnectionPtr& to, Duration linger) {
  if (from.closeReason()) {
    to->forceClose();
    return;
  }
  to->setMessageCallback({});
  to->startRead();
  to->shutdown();
  to->setDeadline(addSaturated(Clock::now(), linger));
}

void forward(const TcpConnectionPtr& from, const TcpConnectionPtr& to,
             const RelayOptions& options) {
  const Weak target = to;
  const Weak source = from;
  from->setMessageCallback([target](const TcpConnectionPtr&, Buffer* input, Timestamp) {
    if (const TcpConnectionPtr other = target.lock()) {
      other->send(input);
    } else {
      input->retrieveAll();
    }
  });
  from->setHalfCloseCallback([target](const TcpConnectionPtr& self) {
    if (const TcpConnectionPtr other = target.lock()) {
      other->shutdown();
    } else {
      self->shutdown();
    }
  });
  from->setConnectionCallback([target, linger = options.linger.value(),
                               users = from->callbacks().connection](const TcpConnectionPtr& self) {
    const TcpConnectionPtr other = target.lock();
    if (self->disconnected() && other != nullptr) end(*self, other, linger);
    if (users) users(self);
  });
  to->setHighWaterMarkCallback(
      [source](const TcpConnectionPtr&, std::size_t) {
        if (const TcpConnectionPtr other = source.lock()) other->stopRead();
      },
      options.highMark);
  to->setLowWaterMarkCallback(
      [source](const TcpConnectionPtr&, std::size_t) {
        if (const TcpConnectionPtr other = source.lock()) other->startRead();
      },
      options.lowMark);
  if (from->inputBuffer()->readableBytes() > 0) to->send(from->inputBuffer());
  if (from->disconnected()) end(*from, to, options.linger.value());
}

}  // namespace

void relay(const TcpConnectionPtr& a, const TcpConnectionPtr& b, const RelayOptions& options) {
  if (a->getLoop() != b->getLoop()) contractViolation("relay() of connections on two loops");
  forward(a, b, options);
  forward(b, a, options);
}

}  // namespace tern
