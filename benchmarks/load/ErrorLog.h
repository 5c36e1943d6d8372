// Counts errors and describes the first few, one sentence each: a thousand connections that fail
// alike need no thousand lines.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

namespace tern::load {

class ErrorLog {
 public:
  explicit ErrorLog(std::ostream& out) : out_(out) {}  // `out` must outlive the log

  void report(std::string_view sentence);
  void summarize();  // says how many were counted but not described
  std::uint64_t count() const { return count_; }
  const std::string& first() const { return first_; }  // empty when there was none

 private:
  std::ostream& out_;
  std::uint64_t count_ = 0;
  std::string first_;
};

}  // namespace tern::load
