// FrameReader: what is rare, and the same for every decoder.
#include "FrameReader.h"

#include "tern/base/Logging.h"

namespace tern {
namespace {

void discardInput(const TcpConnectionPtr& /*connection*/, Buffer* buffer, Timestamp /*time*/) {
  buffer->retrieveAll();
}

void logFrameError(const TcpConnectionPtr& connection, std::error_code reason) {
  log(LogLevel::kWarn, connection->name() + " from " + connection->peerAddress().toIpPort() + ": " +
                           reason.message() + "; closed");
}

}  // namespace

FrameHandling::FrameHandling(FrameCallback frame, FrameErrorCallback error, Delay delay)
    : onFrame(std::move(frame)), onError(std::move(error)), closeDelay(delay) {
  if (!onFrame) throw std::invalid_argument("a codec needs a frame callback");
  if (!onError) onError = logFrameError;
}

void FrameHandling::fail(const TcpConnectionPtr& connection, Buffer* buffer,
                         std::error_code reason) const {
  // Someone may start reading again: a low-water-mark callback does not know what happened here.
  connection->setMessageCallback(discardInput);
  connection->stopRead();
  buffer->retrieveAll();
  const auto close = [&] {
    if (closeDelay.value() <= Duration::zero()) {
      connection->forceClose();
    } else {
      connection->shutdown();
      connection->forceCloseWithDelay(closeDelay);
    }
  };
  try {
    onError(connection, reason);
  } catch (...) {
    close();
    throw;
  }
  close();
}

bool goesOnAfterFrame(const TcpConnectionPtr& connection, Buffer* buffer, bool wasConnected) {
  if (wasConnected && !connection->connected()) {
    // That was the last frame. However the bytes were split, none behind it may become one; but
    // they are read, so that the peer's end is seen.
    if (!connection->disconnected()) connection->setMessageCallback(discardInput);
    buffer->retrieveAll();
    return false;
  }
  if (!connection->isReading()) {
    connection->showInputAgain();
    return false;
  }
  return true;
}

}  // namespace tern
