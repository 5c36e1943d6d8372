// UringMessages: message headers for gathering sends, which the kernel reads when it takes the
// submission and not later.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <vector>

namespace tern {

/// Hands out headers until reset(), which makes them all free again.
class UringMessages {
 public:
  static constexpr std::size_t kChunks = 64;

  struct Message {
    msghdr header{};
    std::array<iovec, kChunks> chunks{};
  };

  /// A header whose msg_iov is its own array; nullptr without memory. Its address lasts until
  /// reset().
  Message* take() noexcept {
    try {
      if (used_ == messages_.size()) messages_.push_back(std::make_unique<Message>());
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
    Message* message = messages_[used_++].get();
    message->header = {};
    message->header.msg_iov = message->chunks.data();
    return message;
  }

  void reset() noexcept { used_ = 0; }

 private:
  std::vector<std::unique_ptr<Message>> messages_;
  std::size_t used_ = 0;
};

}  // namespace tern
