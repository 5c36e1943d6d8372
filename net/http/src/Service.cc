// Service: ties sessions to the connections of servers.
#include "tern/http/Service.h"

#include <stdexcept>
#include <utility>

#include "ServiceCore.h"
#include "Session.h"
#include "tern/net/EventLoop.h"
#include "tern/net/TcpConnection.h"
#include "tern/net/TcpServer.h"

namespace tern::http {
namespace {

void check(const Handler& handler, const Limits& limits) {
  if (!handler) throw std::invalid_argument("an HTTP service needs a handler");
  if (limits.headBytes == 0 || limits.requestLineBytes == 0 || limits.pipelined == 0) {
    throw std::invalid_argument("the limits of an HTTP service let no request through");
  }
  if (limits.lowMark > limits.highMark || limits.highMark > limits.outputBytes) {
    throw std::invalid_argument("the marks of an HTTP service are not in order");
  }
}

// Each callback holds the session, since the user may replace any of them.
void serve(const std::shared_ptr<ServiceCore>& core,
           const std::shared_ptr<const ConnectionCallback>& users,
           const TcpConnectionPtr& connection) {
  const auto session = std::make_shared<Session>(core, connection);
  session->begin();  // first: when it throws, the connection is not ours, nor told of
  ConnectionCallbacks callbacks = connection->callbacks();
  callbacks.connection = [core, users, session](const TcpConnectionPtr& self) {
    core->connections.fetch_sub(1, std::memory_order_relaxed);
    session->onDown();
    if (*users) (*users)(self);
  };
  callbacks.message = [session](const TcpConnectionPtr&, Buffer*, Timestamp now) {
    session->onMessage(now);
  };
  callbacks.halfClose = [session](const TcpConnectionPtr&) { session->onHalfClose(); };
  callbacks.lowWaterMark = [session](const TcpConnectionPtr&, std::size_t) {
    session->onLowMark();
  };
  callbacks.drain = [session](const TcpConnectionPtr&) { session->onDrain(); };
  connection->setCallbacks(std::move(callbacks));
  core->connections.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

Service::Service(Handler handler, Limits limits) : core_(std::make_shared<ServiceCore>()) {
  check(handler, limits);
  core_->handler = std::move(handler);
  core_->limits = limits;
}

Service::~Service() = default;

void Service::setAdmission(Admission admission) { core_->admission = std::move(admission); }

void Service::attach(TcpServer& server, ConnectionCallback onConnection) {
  const std::shared_ptr<ServiceCore> core = core_;
  // For connections as they come up: serve() gives them others.
  server.setConnectionCallback([core, users = std::make_shared<const ConnectionCallback>(std::move(
                                          onConnection))](const TcpConnectionPtr& connection) {
    if (connection->disconnected()) return;  // there was no memory to serve it
    serve(core, users, connection);
    if (*users) (*users)(connection);
  });
  // The high mark is looked at where replies are sent: that is sooner than being told.
  server.setHighWaterMarkCallback({}, core->limits.highMark);
  server.setLowWaterMarkCallback({}, core->limits.lowMark);
  server.setOutputLimit(core->limits.outputBytes);
}

std::size_t Service::connectionCount() const {
  return core_->connections.load(std::memory_order_relaxed);
}

}  // namespace tern::http
