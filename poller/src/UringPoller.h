// UringPoller: the backend on io_uring in full completion mode. The kernel accepts, receives and
// sends; one io_uring_enter a turn submits all that the last turn queued and waits.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "Fifo.h"
#include "UringBuffers.h"
#include "UringMessages.h"
#include "UringRing.h"
#include "UringSends.h"
#include "UringSource.h"
#include "tern/poller/Poller.h"
#include "tern/poller/UringOptions.h"

namespace tern {

class UringPoller final : public Poller {
 public:
  /// Throws std::system_error when the kernel refuses a ring. Where it lacks what completion mode
  /// needs, TCP works by readiness; missing() and fallback() say why.
  explicit UringPoller(const UringOptions& options);
  ~UringPoller() override;

  [[nodiscard]] std::string_view name() const noexcept override { return "io_uring"; }
  [[nodiscard]] std::string fallback() const override;
  int poll(Duration timeout) override;
  void flush() override { ring_.enter(0, Duration::zero()); }
  void update(Channel& channel) override;
  void remove(Channel& channel) override;
  StreamPtr openStream(UniqueFd fd, StreamHandler& handler) override;
  std::unique_ptr<Listener> openListener(UniqueFd fd, ListenerHandler& handler) override;

  /// What the kernel lacks for completion mode; empty when there is nothing.
  [[nodiscard]] const std::string& missing() const noexcept { return missing_; }

  // --- for its sources ---

  void add(std::unique_ptr<UringSource> source);
  /// The user's object is gone: the source goes as soon as nothing is in flight.
  void abandon(UringSource& source);
  /// Queues a request of the source: prepare(sqe) fills it in.
  template <class Prepare>
  void request(UringSource& source, UringKind kind, Prepare&& prepare);
  /// The same for a kSendNow, of which only failure makes a completion. onSentNow() is called from
  /// the first poll() by which the kernel has taken the request; until then none waits. Stream is
  /// UringStream, which this header can't know.
  template <class Stream, class Prepare>
  void requestNow(Stream& stream, Prepare&& prepare);
  /// Whether there is room for one more of those.
  [[nodiscard]] bool mayRequestNow() const noexcept { return !sends_.full() && ring_.hasRoom(); }
  /// The same, once what is queued is submitted if that makes room.
  [[nodiscard]] bool makeRoomForNow() { return !sends_.full() && ring_.makeRoom(); }
  /// Cancels the source's request of this kind; it still completes, as does the cancellation.
  void cancel(UringSource& source, UringKind kind);
  /// Submits all that is queued now; false when the kernel takes it only later.
  [[nodiscard]] bool flushed();
  /// deliverKept() is called at the end of the next poll(), which then does not wait.
  void deferDelivery(const UringSource& source) { deferred_.push(source.id()); }
  /// The source found no buffer: onBuffersBack() is called before one of the next turns, for few
  /// sources in each, later for one that had some since it was armed.
  void starve(const UringSource& source, bool hadSome);
  /// The same for a source that found no room in the ring.
  void postpone(const UringSource& source) { sated_.push(source.id()); }

  /// Runs a request that does not wait, as prepare(sqe) fills it in, and returns its result: for
  /// many bytes in memory that stays only for the moment. -EBUSY when the ring has no room.
  template <class Prepare>
  int runNow(Prepare&& prepare) {
    return ring_.runNow(kNowTag, std::forward<Prepare>(prepare));
  }

  /// The bytes of a completion that has a buffer: ours until the next poll(). They must be taken,
  /// once.
  [[nodiscard]] std::span<const char> taken(UringCompletion completion) noexcept {
    const int n = completion.result;
    return buffers_->taken(completion.buffer(), n > 0 ? static_cast<std::size_t>(n) : 0);
  }
  /// How much a bulky stream receives at a time, at most.
  [[nodiscard]] std::size_t bulkSize() const noexcept { return options_.bulkReceiveSize; }
  /// Bytes a buffer of the pool.
  [[nodiscard]] int bufferSize() const noexcept { return static_cast<int>(buffers_->size()); }
  [[nodiscard]] UringMessages& messages() noexcept { return messages_; }

 private:
  // Of no source and of no cancellation.
  static constexpr std::uint64_t kNowTag = 1;
  static constexpr std::size_t kQueueRoom = 1024;
  struct Watched {
    SlotId channel;
    std::uint32_t sequence = 0;  // tells the current POLL_ADD from replaced ones
    EventMask armed = event::kNone;
    bool dirty = false;
    bool multishot = false;  // reports changes only: what holds now was not asked for
  };

  void publishBuffers() noexcept {
    if (buffers_) buffers_->publish();
  }
  void probe();
  void markDirty(std::uint32_t slot);
  void armChannels();
  void arm(std::uint32_t slot);
  void disarm(std::uint32_t slot);
  bool feedStarved();
  void handle(UringCompletion completion);
  // Out of line: what is called for each message needs few registers so.
  [[gnu::noinline]] void handleOther(UringCompletion completion);
  void handleFailedSends();
  int settleSends();
  void handleChannel(SlotId tag, UringCompletion completion);
  static void ended(Watched& watched) noexcept;
  void handleSource(UringTag tag, UringCompletion completion);
  void handleLast(UringKind kind, UringSource& source, UringCompletion completion);
  template <class Call>
  void letGoAfter(UringSource& source, Call&& call);
  [[gnu::cold, gnu::noinline]] void orphaned(UringCompletion completion);
  void deliverDeferred();
  void drain();
  void leakSources() noexcept;

  // Order of destruction: the sources first, the ring last.
  UringRing ring_;
  UringOptions options_;
  std::optional<UringBuffers> buffers_;
  UringMessages messages_;
  SlotTable<std::unique_ptr<UringSource>> sources_;
  std::vector<Watched> watched_;  // by the channel's slot index
  std::vector<std::uint32_t> dirty_;
  UringSends sends_;
  // Each source is at most once in each.
  Fifo<SlotId> deferred_{kQueueRoom};
  Fifo<SlotId> starved_{kQueueRoom};  // for a buffer, having had none
  Fifo<SlotId> sated_{kQueueRoom};    // for a further one
  std::string missing_;
};

template <class Prepare>
void UringPoller::request(UringSource& source, UringKind kind, Prepare&& prepare) {
  io_uring_sqe* sqe = ring_.next();
  // Behind next(), which may submit all that was queued before.
  if (kind == UringKind::kAccept) ring_.expectMany();
  prepare(sqe);
  io_uring_sqe_set_data64(sqe, UringTag{kind, source.id()}.packed());
  ++source.holds_;
}

template <class Stream, class Prepare>
void UringPoller::requestNow(Stream& stream, Prepare&& prepare) {
  io_uring_sqe* sqe = ring_.next();
  prepare(sqe);
  sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(sqe, UringTag{UringKind::kSendNow, stream.id()}.packed());
  ++stream.holds_;
  sends_.add(stream);
}

}  // namespace tern
