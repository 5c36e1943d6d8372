// TcpConnectionSettings: what a connection can be asked and told beside its traffic.
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "ConnectionExtras.h"
#include "TaskQueue.h"
#include "tern/base/Error.h"
#include "tern/base/Logging.h"
#include "tern/net/EventLoop.h"
#include "tern/net/TcpConnection.h"

namespace tern {

std::string TcpConnection::name() const { return callbacks_->name + '#' + std::to_string(id_); }

SocketAddress TcpConnection::localAddress() const {
  std::optional<SocketAddress> address;
  if (stream_ != nullptr) address = SocketAddress::localOf(stream_->fd());
  return address.value_or(SocketAddress());
}

void TcpConnection::setCallbacks(ConnectionCallbacks callbacks) {
  callbacks.name = callbacks_->name;
  // Where nobody was to be told, nobody kept count of what left.
  if (!callbacks_->writeComplete) writeCompleteDue_ = outputBytes() > 0 || hasFiles();
  auto own = std::make_shared<ConnectionCallbacks>(std::move(callbacks));
  // The ones replaced may be running: they live until the end of the turn.
  loop().atTurnEnd(std::const_pointer_cast<ConnectionCallbacks>(callbacks_), [](void*) {});
  callbacks_ = std::move(own);
  updatePlain();
}

void TcpConnection::setConnectionCallback(ConnectionCallback callback) {
  ConnectionCallbacks own = *callbacks_;
  own.connection = std::move(callback);
  setCallbacks(std::move(own));
}

void TcpConnection::setMessageCallback(MessageCallback callback) {
  ConnectionCallbacks own = *callbacks_;
  own.message = std::move(callback);
  setCallbacks(std::move(own));
}

void TcpConnection::setWriteCompleteCallback(WriteCompleteCallback callback) {
  ConnectionCallbacks own = *callbacks_;
  own.writeComplete = std::move(callback);
  setCallbacks(std::move(own));
}

void TcpConnection::setHalfCloseCallback(HalfCloseCallback callback) {
  ConnectionCallbacks own = *callbacks_;
  own.halfClose = std::move(callback);
  setCallbacks(std::move(own));
}

void TcpConnection::setHighWaterMarkCallback(HighWaterMarkCallback callback, std::size_t mark) {
  ConnectionCallbacks own = *callbacks_;
  own.highWaterMark = std::move(callback);
  own.highMark = mark;
  setCallbacks(std::move(own));
}

void TcpConnection::setLowWaterMarkCallback(LowWaterMarkCallback callback, std::size_t mark) {
  ConnectionCallbacks own = *callbacks_;
  own.lowWaterMark = std::move(callback);
  own.lowMark = mark;
  setCallbacks(std::move(own));
}

void TcpConnection::setOutputLimit(std::size_t bytes) {
  ConnectionCallbacks own = *callbacks_;
  own.outputLimit = bytes;
  setCallbacks(std::move(own));
}

ConnectionExtras& TcpConnection::extras() {
  if (extras_ == nullptr) extras_ = std::make_unique<ConnectionExtras>();
  return *extras_;
}

ConnectionDeadlines& TcpConnection::deadlines() {
  std::optional<ConnectionDeadlines>& deadlines = extras().deadlines;
  return deadlines ? *deadlines : deadlines.emplace(*this);
}

void TcpConnection::setIdleTimeout(Delay timeout) {
  if (!disconnected()) deadlines().setIdleTimeout(timeout.value());
}

void TcpConnection::setDeadline(Timestamp when) {
  const bool nothingToDo = extras_ == nullptr && when == Timestamp::max();
  if (!disconnected() && !nothingToDo) deadlines().setDeadline(when);
}

void TcpConnection::touchDeadlines() noexcept {
  if (extras_->deadlines) extras_->deadlines->touch(loop().poller().returnTime());
}

void TcpConnection::expire() { forceCloseInLoop(systemError(ETIMEDOUT), CloseCause::kTimeout); }

void TcpConnection::setTcpNoDelay(bool on) {
  if (stream_ == nullptr || peer_.isUnix()) return;
  const int value = on ? 1 : 0;
  if (::setsockopt(stream_->fd(), IPPROTO_TCP, TCP_NODELAY, &value, sizeof value) != 0) {
    log(LogLevel::kWarn, [&] { return name() + ": TCP_NODELAY: " + systemError(errno).message(); });
  }
}

bool TcpConnection::getTcpInfo(tcp_info* info) const {
  if (stream_ == nullptr) return false;
  socklen_t length = sizeof *info;
  return ::getsockopt(stream_->fd(), IPPROTO_TCP, TCP_INFO, info, &length) == 0;
}

std::string TcpConnection::getTcpInfoString() const {
  tcp_info info{};
  if (!getTcpInfo(&info)) return {};
  return "state=" + std::to_string(info.tcpi_state) + " rtt_us=" + std::to_string(info.tcpi_rtt) +
         " rttvar_us=" + std::to_string(info.tcpi_rttvar) +
         " cwnd=" + std::to_string(info.tcpi_snd_cwnd) +
         " unacked=" + std::to_string(info.tcpi_unacked) +
         " lost=" + std::to_string(info.tcpi_lost) +
         " retransmits=" + std::to_string(info.tcpi_total_retrans);
}

void defaultConnectionCallback(const TcpConnectionPtr& connection) {
  log(LogLevel::kDebug, [&] {
    return connection->name() + " from " + connection->peerAddress().toString() +
           (connection->connected() ? " is up" : " is down");
  });
}

}  // namespace tern
