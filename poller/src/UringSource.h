// UringSource: what completions are for. It owns all that the kernel may still touch, so it
// outlives the Stream or Listener that the user holds until the kernel has answered every request.
#pragma once

#include <cstdint>

#include "tern/base/SlotTable.h"

namespace tern {

struct UringCompletion;

/// What a request was for; part of its user_data.
enum class UringKind : std::uint8_t {
  kIgnored,  ///< its result says nothing: the cancellation of a poll
  kChannel,  ///< a channel's POLL_ADD
  // The others belong to a source.
  kReceive,
  kSend,
  kSendNow,  ///< one that does not wait, and completes only if it could not send all
  kPause,    ///< a timeout before a send is tried again
  kWatch,    ///< POLL_ADD for errors while reading is stopped
  kAccept,
  kCancel,
};

/// user_data: slot index (24 bits), kind (8), generation (32). Never an fd or a pointer, so that an
/// answer to someone who is gone is recognised.
struct UringTag {
  UringKind kind = UringKind::kIgnored;
  SlotId slot;

  static constexpr std::uint32_t kMostSlots = 1U << 24U;

  [[nodiscard]] std::uint64_t packed() const noexcept {
    return (static_cast<std::uint64_t>(slot.generation) << 32U) |
           (static_cast<std::uint64_t>(kind) << 24U) | slot.index;
  }
  [[nodiscard]] bool ofSource() const noexcept { return kind > UringKind::kChannel; }
  static UringKind kindOf(std::uint64_t bits) noexcept {
    return static_cast<UringKind>((bits >> 24U) & 0xFFU);
  }
  static UringTag unpack(std::uint64_t bits) noexcept {
    return {kindOf(bits),
            {static_cast<std::uint32_t>(bits & (kMostSlots - 1)),
             static_cast<std::uint32_t>(bits >> 32U)}};
  }
};

class UringSource {
 public:
  UringSource() = default;
  UringSource(const UringSource&) = delete;
  UringSource& operator=(const UringSource&) = delete;
  virtual ~UringSource() = default;

  /// Its place in the poller's table.
  [[nodiscard]] SlotId id() const noexcept { return id_; }

  /// Called for each completion of its requests, abandoned or not; of a stream's receives that go
  /// on, UringStream::onReceiving() is.
  virtual void onCompletion(UringKind kind, UringCompletion completion) = 0;
  /// Called at the end of a turn after UringPoller::deferDelivery().
  virtual void deliverKept() = 0;
  /// Called before a turn after UringPoller::starve(), once there are receive buffers again.
  virtual void onBuffersBack() {}

  /// Lets go of the user's handler and cancels what is in flight.
  virtual void abandon() = 0;

 private:
  friend class UringPoller;
  // holds_ is what keeps it: its user, and each request in flight, of which there are few: one of
  // each kind, and a cancellation or two.
  static constexpr std::uint8_t kUser = 0x80;
  SlotId id_;
  std::uint8_t holds_ = kUser;
};

}  // namespace tern
