// Channel: interest bookkeeping and the callback form of event delivery.
#include "tern/poller/Channel.h"

#include <optional>
#include <string>
#include <utility>

#include "tern/base/Error.h"
#include "tern/base/Logging.h"
#include "tern/poller/Poller.h"

namespace tern {

struct Channel::Callbacks {
  ReadEventCallback read;
  EventCallback write;
  EventCallback close;
  EventCallback error;
  std::optional<std::weak_ptr<void>> owner;
};

// Runs the callbacks. They are shared with whoever runs them: a callback may replace callbacks,
// itself included, and each may destroy the channel, and with it this.
class Channel::CallbackHandler final : public ChannelHandler {
 public:
  void attach(Channel& channel) noexcept { channel_ = &channel; }
  void onEvents(EventMask events) override;
  Callbacks& edit() {
    if (callbacks_.use_count() > 1) callbacks_ = std::make_shared<Callbacks>(*callbacks_);
    return *callbacks_;
  }

 private:
  Channel* channel_ = nullptr;
  std::shared_ptr<Callbacks> callbacks_ = std::make_shared<Callbacks>();
};

Channel::Channel(Poller& poller, int fd)
    : Channel(poller, fd, std::make_unique<CallbackHandler>()) {}

// What may throw comes before its owner lets go of it.
Channel::Channel(Poller& poller, int fd, std::unique_ptr<CallbackHandler> own)
    : poller_(poller), handler_(*own), id_(poller.enroll(*this)), fd_(fd), hasCallbacks_(true) {
  own.release()->attach(*this);
}

Channel::Channel(Poller& poller, int fd, ChannelHandler& handler)
    : poller_(poller),
      handler_(handler),
      id_(poller.enroll(*this)),
      fd_(fd),
      hasCallbacks_(false) {}

Channel::~Channel() {
  if (interest_ != event::kNone) poller_.remove(*this);
  poller_.withdraw(id_);
  if (hasCallbacks_) delete &static_cast<CallbackHandler&>(handler_);
}

Channel::Callbacks& Channel::editCallbacks() {
  if (!hasCallbacks_) contractViolation("a callback was set on a Channel that has a handler");
  return static_cast<CallbackHandler&>(handler_).edit();
}

void Channel::setReadCallback(ReadEventCallback callback) {
  editCallbacks().read = std::move(callback);
}
void Channel::setWriteCallback(EventCallback callback) {
  editCallbacks().write = std::move(callback);
}
void Channel::setCloseCallback(EventCallback callback) {
  editCallbacks().close = std::move(callback);
}
void Channel::setErrorCallback(EventCallback callback) {
  editCallbacks().error = std::move(callback);
}
void Channel::tie(const std::shared_ptr<void>& owner) { editCallbacks().owner = owner; }

void Channel::noteInterest(EventMask interest) noexcept {
  interest_ = interest;
  const auto always = static_cast<EventMask>(event::kError | event::kHangup);
  deliverable_ = interest == event::kNone ? event::kNone : interest | always;
}

void Channel::setInterest(int interest) {
  const auto wanted = static_cast<EventMask>(interest);
  poller_.thread_.require("Channel::setInterest");
  if (wanted == interest_) return;
  const EventMask before = interest_;
  noteInterest(wanted);
  if (wanted == event::kNone) {
    poller_.remove(*this);
    return;
  }
  try {
    poller_.update(*this);
  } catch (...) {
    noteInterest(before);
    throw;
  }
}

void Channel::CallbackHandler::onEvents(EventMask events) {
  const std::shared_ptr<Callbacks> callbacks = callbacks_;
  Channel& channel = *channel_;
  Poller& poller = channel.poller_;
  const SlotId id = channel.id_;
  std::shared_ptr<void> owner;
  if (callbacks->owner) {
    owner = callbacks->owner->lock();
    if (owner == nullptr) {
      channel.disableAll();
      return;
    }
  }
  const bool hungUp = (events & event::kHangup) != 0 && (events & event::kReadable) == 0;
  const bool failed = (events & event::kError) != 0;
  const bool closes = hungUp && callbacks->close;
  const bool fails = failed && callbacks->error;
  // Trouble that nobody asked about is shown to the reader or the writer: read() and write()
  // report it.
  const bool untold = (hungUp && !closes) || (failed && !fails);
  const bool reads = callbacks->read && ((events & event::kReadable) != 0 || untold);
  const bool writes =
      callbacks->write && ((events & event::kWritable) != 0 || (untold && !callbacks->read));
  if (!closes && !fails && !reads && !writes) {
    // Level-triggered: left on, it would be reported for ever.
    log(LogLevel::kWarn, [&] {
      return "fd " + std::to_string(channel.fd_) + " reports events " + std::to_string(events) +
             " and its channel has no callback for them; no longer watched";
    });
    channel.disableAll();
    return;
  }
  if (closes) callbacks->close();
  if (fails && poller.alive(id)) callbacks->error();
  if (reads && poller.alive(id)) callbacks->read(poller.returnTime());
  if (writes && poller.alive(id)) callbacks->write();
}

}  // namespace tern
