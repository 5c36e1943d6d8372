// ConnectionSet: a dense array in which each connection knows its place.
#include "ConnectionSet.h"

#include <algorithm>
#include <exception>
#include <string>
#include <system_error>
#include <utility>

#include "tern/base/Logging.h"

namespace tern {

void ConnectionSet::add(TcpConnection& connection) {
  connections_.push_back(&connection);
  connection.setPosition_ = static_cast<std::uint32_t>(connections_.size() - 1);
  ++counters_.opened;
}

void ConnectionSet::remove(TcpConnection& connection) {
  TcpConnection* last = connections_.back();
  connections_[connection.setPosition_] = last;
  last->setPosition_ = connection.setPosition_;
  connections_.pop_back();
  release(connection.inFlight_ + connection.held_);
  ++counters_.closed[static_cast<std::size_t>(connection.closeCause_)];
  if (onRemoved_) onRemoved_(connection);
}

std::vector<TcpConnectionPtr> ConnectionSet::snapshot() const {
  std::vector<TcpConnectionPtr> result;
  result.reserve(connections_.size());
  for (TcpConnection* connection : connections_) result.push_back(connection->self_);
  return result;
}

void ConnectionSet::closeAll() noexcept {
  // From the back, one at a time: a callback may close others.
  while (!connections_.empty()) {
    TcpConnection* const last = connections_.back();
    try {
      last->noteCause(TcpConnection::CloseCause::kForced);
      last->closeNow();
    } catch (const std::exception& error) {
      log(LogLevel::kError, [&] {
        return std::string("a connection callback threw while its server ended: ") + error.what();
      });
    } catch (...) {
      log(LogLevel::kError, "a connection callback threw while its server ended");
    }
    // Without memory even for closing, it is lost rather than tried for ever.
    if (!connections_.empty() && connections_.back() == last) connections_.pop_back();
  }
}

void ConnectionSet::grown() { onGrown_(); }

bool ConnectionSet::closeLargest(std::size_t excess) {
  using Holder = std::pair<std::size_t, TcpConnection*>;
  std::vector<Holder> holders;
  for (TcpConnection* connection : connections_) {
    const std::size_t bytes = connection->inFlight_ + connection->held_;
    if (connection->closeRequested_) {
      excess -= std::min(excess, bytes);
    } else if (bytes > 0) {
      holders.emplace_back(bytes, connection);
    }
  }
  bool closed = false;
  std::make_heap(holders.begin(), holders.end());
  while (excess > 0 && !holders.empty()) {
    std::pop_heap(holders.begin(), holders.end());
    const auto [bytes, connection] = holders.back();
    holders.pop_back();
    connection->forceCloseInLoop(std::make_error_code(std::errc::no_buffer_space),
                                 TcpConnection::CloseCause::kBufferLimit);
    excess -= std::min(excess, bytes);
    closed = true;
  }
  return closed;
}

void ConnectionSet::addTo(ServerStats& stats) const noexcept {
  using Cause = TcpConnection::CloseCause;
  stats.accepted += counters_.opened.value();
  stats.bytesReceived += counters_.received.value();
  stats.bytesSent += counters_.sent.value();
  stats.bytesBuffered += heldBytes();
  stats.closed.byPeer += closedBy(Cause::kPeer);
  stats.closed.byServer += closedBy(Cause::kServer);
  stats.closed.error += closedBy(Cause::kError);
  stats.closed.timeout += closedBy(Cause::kTimeout);
  stats.closed.outputLimit += closedBy(Cause::kOutputLimit);
  stats.closed.bufferLimit += closedBy(Cause::kBufferLimit);
  stats.closed.noMemory += closedBy(Cause::kNoMemory);
  stats.closed.forced += closedBy(Cause::kForced);
}

}  // namespace tern
