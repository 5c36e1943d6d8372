// Conversation: a client's half of the protocol, whatever carries its bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "Messages.h"
#include "Tally.h"

namespace tern::soak {

/// Makes requests and compares replies, each byte of them. One thread at a time.
class Conversation {
 public:
  /// `who` is named when something is wrong.
  Conversation(Tally& tally, std::string who) : tally_(tally), who_(std::move(who)) {}

  void ask(Op op, std::uint32_t length = 0, std::uint32_t offset = 0, std::uint16_t delayMs = 0);

  /// The next bytes to send, part of a request; empty when there are none.
  [[nodiscard]] std::string_view pending() const;
  void sent(std::size_t length);
  /// The request that pending() is part of; its bytes are, or will be, what pending() shows.
  [[nodiscard]] const Header& sending() const { return out_.front().header; }
  [[nodiscard]] bool sendingBytes() const { return out_.front().sent >= sizeof(Header); }

  void hear(std::string_view bytes);

  /// Requests without their reply so far.
  [[nodiscard]] std::size_t outstanding() const { return expected_.size(); }
  /// All was sent and answered, to the last byte.
  [[nodiscard]] bool settled() const {
    return out_.empty() && expected_.empty() && partial_.empty() && left_ == 0;
  }
  /// What is missing, for a report.
  [[nodiscard]] std::string state() const;

 private:
  struct Request {
    Header header;
    std::size_t sent = 0;  // header and bytes
  };

  void begin(const Header& header);
  void fail(const std::string& what);

  Tally& tally_;
  const std::string who_;
  std::uint64_t lastId_ = 0;
  std::deque<Request> out_;
  std::unordered_map<std::uint64_t, Header> expected_;
  std::string partial_;      // of a header
  std::uint32_t place_ = 0;  // in the pattern, of the reply that is being heard
  std::size_t left_ = 0;     // bytes of it that are to come
  bool lost_ = false;        // something was wrong: what follows means nothing
};

}  // namespace tern::soak
