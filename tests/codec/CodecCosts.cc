// CodecCosts: what decoding and sending a frame costs, counted in blocks of memory.
#include <tern/codec/LengthPrefixCodec.h>
#include <tern/codec/LineCodec.h>

#include <optional>

#include "CodecFixture.h"
#include "unit/Heap.h"

namespace tern::testing {
namespace {

using namespace std::string_literals;

class CodecCosts : public CodecFixture {
 protected:
  // Counts the loop thread's allocations from the first frame's callback to the last one's.
  FrameCallback countAllocations(std::size_t frames) {
    return [this, frames](const auto&, std::string_view, auto) {
      if (seen_++ == 0) watch_.emplace();
      if (seen_ == frames) allocations_.put(watch_->allocations());
    };
  }

  std::size_t seen_ = 0;  // on the loop's thread
  std::optional<HeapWatch> watch_;
  Mailbox<std::size_t> allocations_;
};

TEST_P(CodecCosts, OfALineAreNoMemory) {
  const std::size_t frames = 100;
  serveMessages(LineCodec().onMessage(countAllocations(frames)));
  std::string stream;
  for (std::size_t i = 0; i < frames; ++i)
    stream += "a line that is longer than a short string\r\n";
  Peer peer(address());
  accepted();
  {
    const LoopHold hold(loop());
    peer.sendAll(stream);
  }
  // In tiny receives each line arrives in parts, which the connection keeps.
  EXPECT_LE(allocations_.take(), GetParam().isTiny() ? frames * 20 : 0U);
}

TEST_P(CodecCosts, OfAFrameWithALengthAreNoMemory) {
  const std::size_t frames = 100;
  serveMessages(LengthPrefixCodec().onMessage(countAllocations(frames)));
  const std::string payload(100, 'x');
  std::string stream;
  for (std::size_t i = 0; i < frames; ++i) stream += LengthPrefixCodec().encode(payload);
  Peer peer(address());
  accepted();
  {
    const LoopHold hold(loop());
    peer.sendAll(stream);
  }
  EXPECT_LE(allocations_.take(), GetParam().isTiny() ? frames * 50 : 0U);
}

TERN_ON_EACH_POLLER(CodecCosts);

}  // namespace
}  // namespace tern::testing
