// LineCodec: a delimiter codec that is generous about '\r'.
#include "tern/codec/LineCodec.h"

namespace tern {

LineCodec::LineCodec(std::size_t maxLength, Ending ending)
    : DelimiterCodec(
          DelimiterDecoder("\n", maxLength, DelimiterDecoder::CarriageReturn::kIsDropped),
          ending == Ending::kCrLf ? "\r\n" : "\n") {}

}  // namespace tern
