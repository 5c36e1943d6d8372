// Service: ties sessions to the connections of servers.
#include "tern/http/Service.h"

#include <stdexcept>
#include <utility>
#include <vector>

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

void serve(const std::shared_ptr<ServiceCore>& core, const TcpConnectionPtr& connection) {
  const auto session = std::make_shared<Session>(core, connection);
  core->add(connection, session);
  connection->setMessageCallback(
      [session](const TcpConnectionPtr&, Buffer*, Timestamp now) { session->onMessage(now); });
  session->begin();
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
  server.setConnectionCallback(
      [core, onConnection = std::move(onConnection)](const TcpConnectionPtr& connection) {
        if (connection->disconnected()) {
          if (const auto session = core->remove(connection)) session->onDown();
        } else {
          serve(core, connection);
        }
        if (onConnection) onConnection(connection);
      });
  server.setHalfCloseCallback([core](const TcpConnectionPtr& connection) {
    if (const auto session = core->find(connection)) session->onHalfClose();
  });
  // The high mark is looked at where replies are sent: that is sooner than being told.
  server.setHighWaterMarkCallback({}, core->limits.highMark);
  server.setLowWaterMarkCallback(
      [core](const TcpConnectionPtr& connection, std::size_t) {
        if (const auto session = core->find(connection)) session->onLowMark();
      },
      core->limits.lowMark);
  server.setOutputLimit(core->limits.outputBytes);
}

std::size_t Service::connectionCount() const { return core_->count(); }

}  // namespace tern::http
