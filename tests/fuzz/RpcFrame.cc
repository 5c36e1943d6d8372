// RpcFrame: a frame that is accepted is the only way to write what it says.
#include <tern/rpc/Frame.h>
#include <zlib.h>

#include "Fuzz.h"

namespace tern::fuzz {
namespace {

void decode(const std::string& bytes) {
  const auto frame = rpc::decodeFrame(bytes);
  if (!frame) return;
  // An unknown error is read as another.
  const auto error = static_cast<rpc::Error>(static_cast<unsigned char>(bytes[5]));
  if (frame->error != error) return;
  require(rpc::encodeFrame(*frame) == bytes, "a frame decoded and encoded is the same");
  require(frame->method.size() + frame->payload.size() + rpc::kFrameHeader == bytes.size(),
          "method and payload are all that is behind the header");
}

// Nothing gets past the checksum by chance: with the right one, what is behind it is tried.
void decodeWithChecksum(std::string bytes) {
  if (bytes.size() < 4) return;
  const auto* const rest = reinterpret_cast<const unsigned char*>(bytes.data()) + 4;
  const auto sum =
      static_cast<std::uint32_t>(::crc32(0, rest, static_cast<unsigned>(bytes.size() - 4)));
  for (unsigned i = 0; i < 4; ++i) bytes[i] = static_cast<char>(sum >> (24U - 8U * i));
  decode(bytes);
}

void encode(FuzzedDataProvider& input) {
  rpc::Frame frame;
  frame.type = static_cast<rpc::FrameType>(input.ConsumeIntegralInRange(1, 4));
  frame.error = static_cast<rpc::Error>(input.ConsumeIntegralInRange(1, 11));
  if (frame.type != rpc::FrameType::kFailure) frame.error = {};
  frame.call = input.ConsumeIntegral<std::uint64_t>();
  std::string method;
  if (frame.type == rpc::FrameType::kRequest) {
    frame.timeout = input.ConsumeIntegral<std::uint32_t>();
    method = input.ConsumeRandomLengthString(100);
  }
  const std::string payload = input.ConsumeRandomLengthString(1000);
  frame.method = method;
  frame.payload = payload;
  std::string bytes = rpc::encodeFrame(frame);
  decode(bytes);
  const auto decoded = rpc::decodeFrame(bytes);
  if (!decoded) return;
  require(decoded->call == frame.call && decoded->timeout == frame.timeout &&
              decoded->method == method && decoded->payload == payload,
          "a frame encoded and decoded is the same");
  const auto place = input.ConsumeIntegralInRange<std::size_t>(0, bytes.size() - 1);
  bytes[place] = static_cast<char>(bytes[place] ^ (1 << input.ConsumeIntegralInRange(0, 7)));
  require(!rpc::decodeFrame(bytes), "a frame with a wrong bit is none");
}

}  // namespace
}  // namespace tern::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  tern::fuzz::decode(bytes);
  tern::fuzz::decodeWithChecksum(bytes);
  FuzzedDataProvider input(data, size);
  tern::fuzz::encode(input);
  return 0;
}
