// Writing of errors.
#include "ErrorLog.h"

#include <ostream>

namespace tern::load {
namespace {

constexpr std::uint64_t kDescribed = 5;

}  // namespace

void ErrorLog::report(std::string_view sentence) {
  if (count_ == 0) first_ = sentence;
  if (++count_ <= kDescribed) out_ << "tern-load: " << sentence << '\n';
}

void ErrorLog::summarize() {
  if (count_ > kDescribed) {
    out_ << "tern-load: errors not described above: " << count_ - kDescribed << '\n';
  }
}

}  // namespace tern::load
