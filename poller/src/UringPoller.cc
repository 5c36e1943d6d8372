// UringPoller: the turn, the channels, and the life of sources.
#include "UringPoller.h"

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "PollMask.h"
#include "Timeout.h"
#include "UringListener.h"
#include "UringProbe.h"
#include "UringStream.h"
#include "tern/base/Error.h"
#include "tern/base/Logging.h"

namespace tern {
namespace {

// How long the destructor waits for the kernel to answer cancellations, which it does at once.
constexpr Duration kDrainStep = std::chrono::milliseconds(10);
constexpr int kDrainSteps = 200;

constexpr const char* kSwitchedOff = "completion mode (switched off)";

}  // namespace

UringPoller::UringPoller(const UringOptions& options)
    : ring_(options.submissionEntries, options.completionEntries), options_(options) {
  options_.bulkReceiveSize = std::max(options_.bulkReceiveSize, 1U);
  if (options.completion) {
    probe();
  } else {
    missing_ = kSwitchedOff;
  }
}

void UringPoller::probe() {
  try {
    buffers_.emplace(ring_, options_.bufferCount, options_.bufferSize);
  } catch (const std::system_error& error) {
    if (error.code().value() != EINVAL) throw;
    missing_ = "provided-buffer rings (Linux 5.19)";
    return;
  }
  missing_ = probeCompletionMode(ring_, *buffers_);
}

std::string UringPoller::fallback() const {
  if (missing_.empty() || missing_ == kSwitchedOff) return {};
  return "TCP works by readiness, without " + missing_;
}

UringPoller::~UringPoller() {
  try {
    drain();
  } catch (const std::exception& error) {
    log(LogLevel::kError, [&] {
      return std::string("io_uring: closing the ring without draining it: ") + error.what();
    });
  }
  if (sources_.size() > 0) leakSources();
}

// Memory and fds go back only when the kernel holds no request on them.
void UringPoller::drain() {
  std::vector<SlotId> idle;
  sources_.forEach([&](SlotId id, std::unique_ptr<UringSource>& source) {
    if ((source->holds_ & UringSource::kUser) != 0) {
      source->holds_ &= ~UringSource::kUser;
      source->abandon();
    }
    if (source->holds_ == 0) idle.push_back(id);
  });
  for (const SlotId id : idle) sources_.erase(id);
  for (int idleSteps = 0; sources_.size() > 0 && idleSteps < kDrainSteps; ++idleSteps) {
    ring_.enter(sends_.empty() ? 1 : 0, kDrainStep);
    if (ring_.completions() > 0) idleSteps = 0;
    if (!sends_.empty()) static_cast<void>(settleSends());
    while (ring_.completions() > 0) {
      const UringCompletion completion = ring_.take();
      const UringTag tag = UringTag::unpack(completion.userData);
      if (tag.ofSource()) handleSource(tag, completion);
    }
    publishBuffers();
  }
}

// The kernel may still write to what they own, and to the receive buffers.
void UringPoller::leakSources() noexcept {
  log(LogLevel::kError, [&] {
    return "io_uring: " + std::to_string(sources_.size()) +
           " connections still have requests in flight at the end; their memory "
           "is not freed";
  });
  sources_.forEach([](SlotId, std::unique_ptr<UringSource>& source) {
    [[maybe_unused]] const UringSource* leaked = source.release();
  });
  if (buffers_) buffers_->leak();
}

StreamPtr UringPoller::openStream(UniqueFd fd, StreamHandler& handler) {
  if (!missing_.empty()) return Poller::openStream(std::move(fd), handler);
  return openUringStream(*this, std::move(fd), handler);
}

std::unique_ptr<Listener> UringPoller::openListener(UniqueFd fd, ListenerHandler& handler) {
  if (!missing_.empty()) return Poller::openListener(std::move(fd), handler);
  return openUringListener(*this, std::move(fd), handler);
}

int UringPoller::poll(Duration timeout) {
  publishBuffers();
  armChannels();
  if (!dirty_.empty()) pauseForMemory(timeout);
  const bool someStarve = feedStarved();
  ring_.skip(kNowTag);
  const bool nothingDue = !someStarve && dirty_.empty() && deferred_.empty() &&
                          ring_.completions() == 0 && !sends_.areKnown();
  const bool mayWait = timeout != Duration::zero() && nothingDue;
  // That sends have succeeded is no completion to wait for.
  const bool wait = mayWait && sends_.empty();
  ring_.enter(wait ? 1 : 0, mayWait ? timeout : Duration::zero());
  if (ring_.allSubmitted()) messages_.reset();
  counters().waits.set(ring_.enters());
  const int settled = sends_.empty() ? 0 : settleSends();

  // What arrives during the callbacks belongs to the next turn: functors and flushes come first.
  const unsigned events = ring_.completions();
  if (events > 0) markReturn();
  for (unsigned left = events; left > 0; --left) handle(ring_.take());
  if (!deferred_.empty()) deliverDeferred();
  return static_cast<int>(events) + settled;
}

// --- sources ---

void UringPoller::add(std::unique_ptr<UringSource> source) {
  UringSource& added = *source;
  added.id_ = sources_.insert(std::move(source));
  if (added.id_.index >= UringTag::kMostSlots) {
    sources_.erase(added.id_);
    throwSystemError(ENFILE, "io_uring: more connections in one loop than its tags can name");
  }
}

void UringPoller::abandon(UringSource& source) {
  source.holds_ &= ~UringSource::kUser;
  try {
    source.abandon();
  } catch (const std::exception& error) {
    // It goes when its requests complete by themselves, at the latest with the poller.
    log(LogLevel::kError,
        [&] { return std::string("io_uring: requests can't be cancelled: ") + error.what(); });
  }
  if (source.holds_ == 0) sources_.erase(source.id());
}

void UringPoller::cancel(UringSource& source, UringKind kind) {
  const std::uint64_t target = UringTag{kind, source.id()}.packed();
  request(source, UringKind::kCancel,
          [target](io_uring_sqe* sqe) { io_uring_prep_cancel64(sqe, target, 0); });
}

bool UringPoller::flushed() {
  flush();
  return ring_.allSubmitted();
}

// The source outlives the call, whatever that does, and goes then if nothing else holds it.
template <class Call>
inline void UringPoller::letGoAfter(UringSource& source, Call&& call) {
  try {
    call();
  } catch (...) {
    if (--source.holds_ == 0) sources_.erase(source.id());
    throw;
  }
  if (--source.holds_ == 0) sources_.erase(source.id());
}

void UringPoller::handleSource(UringTag tag, UringCompletion completion) {
  std::unique_ptr<UringSource>* found = sources_.find(tag.slot);
  if (found == nullptr) {
    orphaned(completion);
  } else if (completion.more()) {
    (*found)->onCompletion(tag.kind, completion);  // the request still holds it
  } else {
    handleLast(tag.kind, **found, completion);
  }
}

void UringPoller::handleLast(UringKind kind, UringSource& source, UringCompletion completion) {
  // Only streams have those.
  if (kind == UringKind::kSendNow) sends_.forget(static_cast<UringStream&>(source));
  letGoAfter(source, [&] { source.onCompletion(kind, completion); });
}

inline void UringPoller::handle(UringCompletion completion) {
  const UringTag tag = UringTag::unpack(completion.userData);
  // Nearly always. Only streams have those, so they need no virtual call.
  if (tag.kind == UringKind::kReceive && completion.more()) [[likely]] {
    if (std::unique_ptr<UringSource>* found = sources_.find(tag.slot)) [[likely]] {
      static_cast<UringStream&>(**found).onReceiving(completion);
      return;
    }
  }
  handleOther(completion);
}

void UringPoller::handleOther(UringCompletion completion) {
  const UringTag tag = UringTag::unpack(completion.userData);
  if (tag.ofSource()) {
    handleSource(tag, completion);
  } else if (tag.kind == UringKind::kChannel) {
    handleChannel(tag.slot, completion);
  }
}

// A source outlives its requests, so this is a broken invariant; its cost is bounded here.
void UringPoller::orphaned(UringCompletion completion) {
  log(LogLevel::kError, "io_uring: a completion for a connection that is gone");
  if (!completion.hasBuffer()) return;
  static_cast<void>(taken(completion));
}

// The kernel carries out what does not wait as it takes it. So of a send that it has taken, and
// that has no completion, all has left; unless that completion found no room and is still to come.
// Returns how many there were.
int UringPoller::settleSends() {
  markReturn();
  handleFailedSends();
  // Those behind one that threw come first.
  if (!sends_.areKnown()) {
    if (!ring_.allSubmitted() || ring_.overflown()) return 0;
    sends_.becomeKnown();
  }
  int settled = 0;
  while (UringStream* stream = sends_.take()) {
    ++settled;
    letGoAfter(*stream, [&] { stream->onSentNow(); });
  }
  return settled;
}

// Before anything else, and each once: the completion stays in the ring. Also those that come
// meanwhile: a callback may submit further sends, which the kernel has taken then.
void UringPoller::handleFailedSends() {
  ring_.forEachCompletion([this](io_uring_cqe& entry) {
    if (UringTag::kindOf(entry.user_data) != UringKind::kSendNow) return;
    const UringTag tag = UringTag::unpack(entry.user_data);
    entry.user_data = UringTag{}.packed();
    if (std::unique_ptr<UringSource>* found = sources_.find(tag.slot)) {
      handleLast(tag.kind, **found, {0, entry.res, 0});
    }
  });
}

void UringPoller::deliverDeferred() {
  // Those deferred by these callbacks belong to the next turn.
  for (std::size_t left = deferred_.size(); left > 0; --left) {
    const SlotId id = deferred_.front();
    deferred_.pop();
    if (std::unique_ptr<UringSource>* found = sources_.find(id)) {
      UringSource& source = **found;
      // Counts as a request that is just being answered.
      ++source.holds_;
      markReturn();
      letGoAfter(source, [&] { source.deliverKept(); });
    }
  }
}

// --- receive buffers ---

void UringPoller::starve(const UringSource& source, bool hadSome) {
  buffers_->provideMore();  // one that was missing
  (hadSome ? sated_ : starved_).push(source.id());
}

// Those first that got nothing last time: the first to be armed may take every buffer there is.
// Returns whether others are left. They must not have to wait for an event: those that were armed
// may be over by now, or have nothing to receive, and leave the buffers untouched.
bool UringPoller::feedStarved() {
  // As many as there are buffers: more would only come back empty-handed.
  for (std::size_t left = buffers_ ? buffers_->provided() : 0; left > 0; --left) {
    Fifo<SlotId>& queue = starved_.empty() ? sated_ : starved_;
    if (queue.empty()) return false;
    const SlotId id = queue.front();
    queue.pop();
    if (std::unique_ptr<UringSource>* source = sources_.find(id)) (*source)->onBuffersBack();
  }
  return !starved_.empty() || !sated_.empty();
}

// --- channels ---

void UringPoller::update(Channel& channel) {
  const std::uint32_t slot = channel.id().index;
  if (slot >= UringTag::kMostSlots) throwSystemError(ENFILE, "io_uring: too many channels");
  if (slot >= watched_.size()) watched_.resize(slot + 1);
  watched_[slot].channel = channel.id();
  watched_[slot].multishot = false;
  markDirty(slot);
}

void UringPoller::remove(Channel& channel) {
  const std::uint32_t slot = channel.id().index;
  if (slot >= watched_.size() || !(watched_[slot].channel == channel.id())) return;
  watched_[slot].multishot = false;
  try {
    disarm(slot);
  } catch (const std::exception& error) {
    // What it reports from now on is recognised as stale.
    log(LogLevel::kError,
        [&] { return std::string("io_uring: a poll can't be taken back: ") + error.what(); });
  }
}

void UringPoller::markDirty(std::uint32_t slot) {
  if (watched_[slot].dirty) return;
  dirty_.push_back(slot);
  watched_[slot].dirty = true;
}

// By a cancellation: POLL_REMOVE fails on a multishot poll that is just being reported, which would
// then live on, and keep the socket of a closed fd open.
void UringPoller::disarm(std::uint32_t slot) {
  Watched& watched = watched_[slot];
  if (watched.armed == event::kNone) return;
  io_uring_sqe* sqe = ring_.next();
  watched.armed = event::kNone;
  const std::uint64_t target = UringTag{UringKind::kChannel, {slot, watched.sequence++}}.packed();
  io_uring_prep_cancel64(sqe, target, 0);
  io_uring_sqe_set_data64(sqe, UringTag{}.packed());
}

// One-shot polls, armed just before the wait: no entry for an fd stays queued while user code,
// which may close the fd, runs. Arming checks readiness, so that this is level-triggered. The
// kernel always reports a peer's FIN as well; a channel that did not ask for it waits with a
// multishot poll from then on, which reports the next change instead of the same state for ever.
void UringPoller::armChannels() {
  auto next = dirty_.begin();
  try {
    for (; next != dirty_.end(); ++next) arm(*next);
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch)
    // No room in the ring, nor memory to queue beyond it: the others in the next turn.
  }
  dirty_.erase(dirty_.begin(), next);
}

void UringPoller::arm(std::uint32_t slot) {
  Watched& watched = watched_[slot];
  const Channel* channel = find(watched.channel);
  if (channel != nullptr && !channel->isNoneEvent() && channel->interest() != watched.armed) {
    disarm(slot);
    io_uring_sqe* sqe = ring_.next();
    watched.armed = channel->interest();
    const std::uint64_t tag = UringTag{UringKind::kChannel, {slot, watched.sequence}}.packed();
    const auto mask = static_cast<unsigned>(toPollMask(watched.armed));
    if (watched.multishot) {
      io_uring_prep_poll_multishot(sqe, channel->fd(), mask);
    } else {
      io_uring_prep_poll_add(sqe, channel->fd(), mask);
    }
    io_uring_sqe_set_data64(sqe, tag);
  }
  watched.dirty = false;
}

void UringPoller::handleChannel(SlotId tag, UringCompletion completion) {
  if (tag.index >= watched_.size()) return;
  Watched& watched = watched_[tag.index];
  if (watched.armed == event::kNone || watched.sequence != tag.generation) return;
  const SlotId channel = watched.channel;
  const int result = completion.result;
  if (result < 0 && result != -EAGAIN && result != -ENOMEM && result != -ECANCELED) {
    ended(watched);
    log(LogLevel::kError, [&] {
      return "io_uring: a channel's fd can't be polled: " + systemError(-result).message() +
             "; no longer watched";
    });
    dispatch(channel, event::kError);
    return;
  }
  const EventMask events = result < 0 ? event::kNone : fromPollMask(result);
  const auto wanted = static_cast<EventMask>(watched.armed | event::kError | event::kHangup);
  const bool relevant = (events & wanted) != 0;
  if (!relevant && completion.more()) return;  // a multishot poll goes on
  if (completion.more()) {
    disarm(tag.index);
  } else {
    ended(watched);
  }
  watched.multishot = !relevant && result >= 0;
  markDirty(tag.index);
  if (relevant) dispatch(channel, events);
}

void UringPoller::ended(Watched& watched) noexcept {
  watched.armed = event::kNone;
  ++watched.sequence;
}

}  // namespace tern
