// SlotTable: a table of things that are named by index + generation, so that a stale name is
// recognised instead of reaching whoever lives there now.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace tern {

/// Names one occupation of one slot. Never refers to a later occupant of the same slot (until the
/// 32-bit generation wraps). The default names nothing.
struct SlotId {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;

  friend bool operator==(SlotId, SlotId) = default;
  /// index in the low half, generation in the high half: fits an epoll_data or a user_data.
  [[nodiscard]] std::uint64_t packed() const noexcept {
    return (static_cast<std::uint64_t>(generation) << 32U) | index;
  }
  static SlotId unpack(std::uint64_t bits) noexcept {
    return {static_cast<std::uint32_t>(bits), static_cast<std::uint32_t>(bits >> 32U)};
  }
};

/// O(1) insert, find and erase; a T keeps its address until it is erased. One thread.
/// T must be default-constructible; erase() replaces it by T{}.
template <class T>
class SlotTable {
 public:
  SlotId insert(T value) {
    if (free_ == kNone) grow();
    Slot& slot = at(free_);
    const SlotId id{free_, slot.generation};
    slot.value = std::move(value);
    free_ = std::exchange(slot.nextFree, kOccupied);
    ++size_;
    return id;
  }

  /// The occupant that `id` names, or nullptr when it is gone. `id` came from insert(), or is the
  /// default; for one that a stranger sent, see findForeign().
  [[nodiscard]] T* find(SlotId id) noexcept {
    if (id.index >= capacity_) return nullptr;
    Slot& slot = at(id.index);
    // A free slot's generation has not been given out yet.
    return slot.generation == id.generation ? &slot.value : nullptr;
  }

  /// The same for an id that may never have been given out, as one that a peer sends.
  [[nodiscard]] T* findForeign(SlotId id) noexcept {
    T* const found = find(id);
    return found != nullptr && at(id.index).nextFree == kOccupied ? found : nullptr;
  }

  /// Frees the slot; every copy of `id` is stale from now on. A stale id is ignored.
  void erase(SlotId id) {
    if (find(id) == nullptr) return;
    Slot& slot = at(id.index);
    // Dies at the end of the function, when the table is whole again: its destructor may call back.
    [[maybe_unused]] const T dead = std::exchange(slot.value, T{});
    // Generation 0 stays free for "names nothing".
    if (++slot.generation == 0) slot.generation = 1;
    slot.nextFree = std::exchange(free_, id.index);
    --size_;
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// Calls f(SlotId, T&) for each occupant. f may erase, but not insert.
  template <class F>
  void forEach(F&& f) {
    for (std::uint32_t i = 0; i < capacity_; ++i) {
      Slot& slot = at(i);
      if (slot.nextFree == kOccupied) f(SlotId{i, slot.generation}, slot.value);
    }
  }

 private:
  static constexpr std::uint32_t kNone = 0xFFFFFFFFU;
  static constexpr std::uint32_t kOccupied = 0xFFFFFFFEU;
  static constexpr std::uint32_t kPageBits = 6;
  static constexpr std::uint32_t kPageSize = 1U << kPageBits;

  struct Slot {
    T value{};
    std::uint32_t generation = 1;
    std::uint32_t nextFree = kNone;
  };

  [[nodiscard]] Slot& at(std::uint32_t index) const noexcept {
    return pages_[index >> kPageBits][index & (kPageSize - 1)];
  }

  void grow() {
    pages_.push_back(std::make_unique<Slot[]>(kPageSize));
    const std::uint32_t first = capacity_;
    capacity_ += kPageSize;
    for (std::uint32_t i = first; i + 1 < capacity_; ++i) at(i).nextFree = i + 1;
    free_ = first;
  }

  // Pages: elements stay where they are while the table grows inside a callback.
  std::vector<std::unique_ptr<Slot[]>> pages_;
  std::uint32_t capacity_ = 0;
  std::uint32_t free_ = kNone;
  std::size_t size_ = 0;
};

}  // namespace tern
