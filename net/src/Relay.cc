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

// What becomes of the bytes of `self`, which go to `other`, and of the marks, which bound the bytes
// that come from there.
ConnectionCallbacks joined(const TcpConnectionPtr& self, const Weak& other,
                           const RelayOptions& options) {
  ConnectionCallbacks callbacks = self->callbacks();
  callbacks.message = [other](const TcpConnectionPtr&, Buffer* input, Timestamp) {
    if (const TcpConnectionPtr target = other.lock()) {
      target->send(input);
    } else {
      input->retrieveAll();
    }
  };
  callbacks.halfClose = [other](const TcpConnectionPtr& from) {
    if (const TcpConnectionPtr target = other.lock()) {
      target->shutdown();
    } else {
      from->shutdown();
    }
  };
  callbacks.connection = [other, linger = options.linger.value(),
                          users = self->callbacks().connection](const TcpConnectionPtr& from) {
    const TcpConnectionPtr target = other.lock();
    if (from->disconnected() && target != nullptr) end(*from, target, linger);
    if (users) users(from);
  };
  callbacks.highWaterMark = [other](const TcpConnectionPtr&, std::size_t) {
    if (const TcpConnectionPtr source = other.lock()) source->stopRead();
  };
  callbacks.highMark = options.highMark;
  callbacks.lowWaterMark = [other](const TcpConnectionPtr&, std::size_t) {
    if (const TcpConnectionPtr source = other.lock()) source->startRead();
  };
  callbacks.lowMark = options.lowMark;
  return callbacks;
}

// What came before they were joined.
void forwardEarlier(const TcpConnectionPtr& from, const TcpConnectionPtr& to,
                    const RelayOptions& options) {
  if (from->inputBuffer()->readableBytes() > 0) to->send(from->inputBuffer());
  if (from->disconnected()) end(*from, to, options.linger.value());
}

}  // namespace

void relay(const TcpConnectionPtr& a, const TcpConnectionPtr& b, const RelayOptions& options) {
  if (a->getLoop() != b->getLoop()) contractViolation("relay() of connections on two loops");
  a->setCallbacks(joined(a, b, options));
  b->setCallbacks(joined(b, a, options));
  forwardEarlier(a, b, options);
  forwardEarlier(b, a, options);
}

}  // namespace tern
