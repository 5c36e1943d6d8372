// Conversation: replies may come in any order, and in any pieces.
#include "Conversation.h"

#include <algorithm>

namespace tern::soak {

void Conversation::ask(Op op, std::uint32_t length, std::uint32_t offset, std::uint16_t delayMs) {
  Header header;
  header.op = op;
  header.delayMs = delayMs;
  header.offset = offset;
  header.length = length;
  header.id = ++lastId_;
  out_.push_back({header});
  if (op != Op::kDrop) expected_.emplace(header.id, header);
}

std::string_view Conversation::pending() const {
  if (out_.empty()) return {};
  const Request& request = out_.front();
  if (request.sent < sizeof(Header)) return asBytes(request.header).substr(request.sent);
  const std::size_t done = request.sent - sizeof(Header);
  return patternAt(request.header.offset, request.header.length).substr(done);
}

void Conversation::sent(std::size_t length) {
  Request& request = out_.front();
  request.sent += length;
  const std::size_t bytes = requestHasBytes(request.header.op) ? request.header.length : 0;
  if (request.sent == sizeof(Header) + bytes) out_.pop_front();
}

void Conversation::hear(std::string_view bytes) {
  while (!bytes.empty() && !lost_) {
    if (left_ == 0) {
      const std::string_view more = bytes.substr(0, sizeof(Header) - partial_.size());
      partial_ += more;
      bytes.remove_prefix(more.size());
      if (partial_.size() < sizeof(Header)) return;
      begin(headerOf(partial_));
      partial_.clear();
      continue;
    }
    const std::string_view part = bytes.substr(0, left_);
    if (part != patternAt(place_, part.size())) fail("wrong bytes in a reply");
    tally_.bytes += part.size();
    place_ = (place_ + static_cast<std::uint32_t>(part.size())) % kPatternPeriod;
    left_ -= part.size();
    bytes.remove_prefix(part.size());
  }
}

void Conversation::begin(const Header& header) {
  if (header.magic != Header::kMagic) {
    fail("a reply that does not begin with a header");
    return;
  }
  if (header.id == 0) {
    if (header.op != Op::kBroadcast) fail("a reply to no request");
  } else {
    const auto found = expected_.find(header.id);
    if (found == expected_.end()) {
      fail("a second reply, or one to a request that was not made");
      return;
    }
    if (asBytes(found->second) != asBytes(header)) fail("a reply that is not to its request");
    expected_.erase(found);
  }
  place_ = header.offset;
  left_ = replyHasBytes(header.op) && (header.op != Op::kBroadcast || header.id == 0)
              ? header.length
              : 0;
}

void Conversation::fail(const std::string& what) {
  lost_ = true;
  tally_.fail(who_ + ": " + what);
}

std::string Conversation::state() const {
  return std::to_string(out_.size()) + " requests not sent, " + std::to_string(expected_.size()) +
         " without a reply, " + std::to_string(left_) + " bytes of a reply missing";
}

}  // namespace tern::soak
