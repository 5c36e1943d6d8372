// The cold half of the checker: where a stream starts in the pattern, and what errors say.
#include "EchoStream.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "Mix.h"

namespace tern::load {

EchoStream::EchoStream(const Pattern& pattern, std::uint32_t id)
    : pattern_(&pattern),
      firstSlot_(static_cast<std::uint32_t>(mix(id))),
      // Odd, so that the walk visits every slot (a power of two of them) before it repeats one.
      step_(static_cast<std::uint32_t>(mix(id) >> 32) | 1U) {}

void EchoStream::join(const EchoStream& speaker) {
  firstSlot_ = speaker.firstSlot_;
  step_ = speaker.step_;
  sent_ = speaker.sent_;
  received_ = speaker.sent_;
  joinedAt_ = speaker.sent_.batch;
}

void EchoStream::throwSurplus(std::size_t bytes) const {
  throw EchoError("the server sent " + std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes") +
                  " more than it had received");
}

void EchoStream::throwWrongByte(std::span<const char> bytes, const char* expected) const {
  const auto wrong = std::mismatch(bytes.begin(), bytes.end(), expected);
  const std::size_t at = received_.offset + static_cast<std::size_t>(wrong.first - bytes.begin());
  const std::uint64_t message = received_.batch * pattern_->depth() + at / pattern_->messageBytes();
  char hex[64];
  std::snprintf(hex, sizeof hex, "is 0x%02x where 0x%02x was sent",
                static_cast<unsigned>(static_cast<unsigned char>(*wrong.first)),
                static_cast<unsigned>(static_cast<unsigned char>(*wrong.second)));
  throw EchoError("byte " + std::to_string(at % pattern_->messageBytes()) + " of message " +
                  std::to_string(message) + " " + hex);
}

}  // namespace tern::load
