// Codecs: every decoder says the same of a stream, however it arrives.
#include <tern/codec/DelimiterDecoder.h>
#include <tern/codec/LengthPrefixDecoder.h>

#include <bit>

#include "Fuzz.h"
#include "codec/DecoderFeed.h"

namespace tern::fuzz {
namespace {

template <class Decoder>
void compareSplits(const Decoder& decoder, FuzzedDataProvider& input) {
  const std::string bytes = input.ConsumeRandomLengthString(4000);
  const std::vector<std::string> whole = testing::outcomeOf(decoder, {bytes});
  require(testing::outcomeOf(decoder, testing::byteByByte(bytes)) == whole,
          "byte by byte the stream means the same");
  require(testing::outcomeOf(decoder, cut(bytes, input)) == whole,
          "in other pieces the stream means the same");
}

std::size_t someBound(FuzzedDataProvider& input) {
  return input.ConsumeBool() ? input.ConsumeIntegralInRange<std::size_t>(0, 300)
                             : input.ConsumeIntegral<std::size_t>();
}

void fuzzLengths(FuzzedDataProvider& input) {
  const auto size =
      input.PickValueInArray({PrefixSize::k1, PrefixSize::k2, PrefixSize::k4, PrefixSize::k8});
  const auto order = input.ConsumeBool() ? std::endian::big : std::endian::little;
  const LengthPrefixDecoder decoder(size, order, someBound(input));
  compareSplits(decoder, input);
  // What is encoded is decoded.
  const std::string payload = input.ConsumeRandomLengthString(300);
  if (payload.size() > decoder.maxLength()) return;
  std::string frame(decoder.prefixBytes(), '\0');
  decoder.writePrefix(payload.size(), frame.data());
  frame += payload;
  LengthPrefixDecoder::State state;
  const DecodedFrame decoded = decoder.decode(frame, state);
  require(decoded.status == DecodedFrame::Status::kComplete && decoded.payload == payload &&
              decoded.consumed == frame.size(),
          "what is encoded is decoded");
}

void fuzzDelimiters(FuzzedDataProvider& input) {
  std::string delimiter = input.ConsumeRandomLengthString(6);
  if (delimiter.empty()) delimiter = "\n";
  const DelimiterDecoder decoder(delimiter, someBound(input),
                                 input.ConsumeBool()
                                     ? DelimiterDecoder::CarriageReturn::kIsPayload
                                     : DelimiterDecoder::CarriageReturn::kIsDropped);
  compareSplits(decoder, input);
}

}  // namespace
}  // namespace tern::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  if (input.ConsumeBool()) {
    tern::fuzz::fuzzLengths(input);
  } else {
    tern::fuzz::fuzzDelimiters(input);
  }
  return 0;
}
