// FrameError: its category.
#include "tern/codec/FrameError.h"

#include <string>

namespace tern {
namespace {

class FrameErrorCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "tern.frame"; }
  [[nodiscard]] std::string message(int value) const override {
    if (static_cast<FrameError>(value) == FrameError::kTooLong) return "frame too long";
    return "frame error " + std::to_string(value);
  }
};

}  // namespace

const std::error_category& frameErrorCategory() noexcept {
  static const FrameErrorCategory category;
  return category;
}

}  // namespace tern
