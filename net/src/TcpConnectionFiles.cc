// TcpConnectionFiles: files in a connection's output.
#include <exception>
#include <utility>

#include "ConnectionExtras.h"
#include "ConnectionSet.h"
#include "TaskQueue.h"
#include "TcpConnectionCallback.h"
#include "tern/base/Logging.h"
#include "tern/net/EventLoop.h"
#include "tern/net/TcpConnection.h"

namespace tern {
namespace {

// Read at a time, and how much of what was read may wait to be sent.
constexpr std::size_t kBlock = std::size_t{256} * 1024;
// Steps (a block read, a file ended) before others get their turn.
constexpr int kStepsATurn = 4;

}  // namespace

void TcpConnection::sendFile(UniqueFd file, std::uint64_t offset, std::uint64_t length) {
  sendFile(std::make_shared<const UniqueFd>(std::move(file)), offset, length);
}

void TcpConnection::sendFile(std::shared_ptr<const UniqueFd> file, std::uint64_t offset,
                             std::uint64_t length) {
  if (tasks_->isLoopThread()) {
    sendFileInLoop(std::move(file), offset, length);
  } else if (connected()) {
    tasks_->post([self = shared_from_this(), file = std::move(file), offset, length]() mutable {
      self->sendFileInLoop(std::move(file), offset, length);
    });
  }
}

void TcpConnection::sendFileInLoop(std::shared_ptr<const UniqueFd> file, std::uint64_t offset,
                                   std::uint64_t length) {
  if (!connected() || closeRequested_ || length == 0) return;
  std::optional<FileOutput>& files = extras().files;
  if (!files) files.emplace();  // stays empty when there is no memory for the first
  files->push(std::move(file), offset, length);
  updatePlain();
  writeCompleteDue_ = true;
  if (callbackDepth_ == 0) scheduleTurnEnd();
}

bool TcpConnection::hasFiles() const noexcept {
  return extras_ != nullptr && extras_->files && !extras_->files->empty();
}

std::size_t TcpConnection::bytesBehindFiles() const noexcept {
  return extras_->files ? extras_->files->waiting() : 0;
}

void TcpConnection::sendFiles() {
  FileOutput& files = *extras_->files;
  try {
    for (int step = 0; step < kStepsATurn; ++step) {
      if (files.front().left > 0) {
        if (!sendFromFile()) return;
        continue;
      }
      OutputQueue after = files.pop();
      after.moveFrontTo(output_, static_cast<std::size_t>(-1));
      if (!output_.empty()) sendOutput();
      if (files.empty()) {
        extras_->files.reset();
        updatePlain();
        return;
      }
    }
    callLater([](TcpConnection& self) { self.flush(); });
  } catch (const std::system_error& error) {
    log(LogLevel::kError, [&] { return name() + ": " + error.what() + "; closed"; });
    forceCloseInLoop(error.code(), CloseCause::kError);
  } catch (const std::bad_alloc&) {
    forceCloseInLoop(std::make_error_code(std::errc::not_enough_memory), CloseCause::kNoMemory);
  }
}

// Whether the next step can be made now; if not, onSent() will tell when.
bool TcpConnection::sendFromFile() {
  FileOutput& files = *extras_->files;
  FilePart& part = files.front();
  if (!files.mustRead()) {
    if (queuedBytes() > 0) return false;
    if (const auto sent = stream_->sendFile(part.fd(), part.offset, part.left)) {
      part.advance(*sent);
      set_->counters().sent.add(*sent);
      if (*sent > 0) touch();
      return part.left == 0;
    }
    files.noteMustRead();
  }
  if (queuedBytes() >= kBlock) return false;
  output_.append(part.read(kBlock));
  sendOutput();
  return true;
}

}  // namespace tern
