// Crowd: who comes, how often, and the one poll() for all.
#include "Crowd.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include "support/ServerFixture.h"

namespace tern::soak {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMost = 40;
constexpr std::size_t kStorm = 60;
// A port of the loopback's is free again a second after its connection has ended: at this rate
// they don't run out.
constexpr auto kLongestGap = 12ms;

}  // namespace

Crowd::Crowd(const SocketAddress& server, Tally& tally, std::uint32_t seed)
    : server_(server), tally_(tally), random_(seed), thread_([this] { run(); }) {}

Crowd::~Crowd() {
  ending_ = true;
  thread_.join();
}

void Crowd::rest() {
  coming_ = false;
  // Each of them gives up by itself at some time: that is a failure of its own.
  for (int i = 0; i < 4; ++i) {
    if (testing::eventually([this] { return present_ == 0; })) return;
  }
  throw std::runtime_error("the plain peers do not come to their end");
}

void Crowd::run() {
  try {
    while (!ending_) turn();
  } catch (const std::exception& error) {
    tally_.fail(std::string("the thread of the plain peers: ") + error.what());
  }
  strangers_.clear();
  present_ = 0;
}

void Crowd::turn() {
  const Timestamp now = Clock::now();
  // First present, then coming: whoever rests looks the other way round.
  present_ = strangers_.size() + 1;
  if (coming_) admit(now);
  present_ = strangers_.size();
  fds_.clear();
  for (const auto& stranger : strangers_) {
    fds_.push_back({stranger->fd(), stranger->wanted(now), 0});
  }
  // Some wait for a time rather than for their socket.
  if (::poll(fds_.data(), fds_.size(), 1) < 0 && errno != EINTR) {
    throw std::system_error(errno, std::system_category(), "poll");
  }
  const Timestamp then = Clock::now();
  std::size_t kept = 0;
  for (std::size_t i = 0; i < strangers_.size(); ++i) {
    if (strangers_[i]->step(fds_[i].revents, then)) std::swap(strangers_[kept++], strangers_[i]);
  }
  strangers_.resize(kept);
}

void Crowd::admit(Timestamp now) {
  if (now < nextAt_) return;
  if (random_.oneIn(400)) {
    storm();
    nextAt_ = now + 500ms;
    return;
  }
  nextAt_ =
      now + std::chrono::microseconds(random_.upTo(std::chrono::microseconds(kLongestGap).count()));
  if (strangers_.size() < kMost) add();
}

void Crowd::add() {
  auto stranger = someone();
  if (stranger->begin(server_)) strangers_.push_back(std::move(stranger));
}

// All at once, with little to say.
void Crowd::storm() {
  for (std::size_t i = 0; i < kStorm; ++i) {
    Plan plan;
    plan.name = "storm";
    Conversation conversation(tally_, plan.name);
    conversation.ask(Op::kEcho, upTo(100), someOffset());
    auto stranger = std::make_unique<Stranger>(plan, std::move(conversation), tally_);
    if (stranger->begin(server_)) strangers_.push_back(std::move(stranger));
  }
}

std::uint32_t Crowd::someOffset() { return upTo(kPatternPeriod - 1); }

void Crowd::askMixed(Conversation& conversation, std::size_t count) {
  constexpr std::array kOps{Op::kEcho, Op::kSink, Op::kGet, Op::kFile, Op::kThrow};
  for (; count > 0; --count) {
    const Op op = kOps[random_.upTo(kOps.size() - 1)];
    conversation.ask(op, op == Op::kThrow ? 0 : upTo(40'000), someOffset());
  }
}

std::unique_ptr<Stranger> Crowd::someone() {
  Plan plan;
  Conversation conversation(tally_, "a plain peer");
  switch (random_.upTo(12)) {
    case 0:
      plan.name = "pipelining";
      for (std::size_t n = random_.upTo(300); n > 0; --n) {
        conversation.ask(Op::kEcho, upTo(200), someOffset());
      }
      break;
    case 1:
      plan.name = "bulk sender";
      for (std::size_t n = random_.upTo(3); n > 0; --n) {
        conversation.ask(Op::kSink, upTo(kPatternPeriod), someOffset());
      }
      break;
    case 2:
      plan.name = "bulk receiver";
      for (std::size_t n = random_.upTo(4); n > 0; --n) {
        conversation.ask(random_.oneIn(2) ? Op::kGet : Op::kFile, upTo(kPatternPeriod),
                         someOffset());
      }
      break;
    case 3:
      plan.name = "slow reader";
      plan.receiveBuffer = 8 * 1024;
      plan.receiveAtOnce = 4 * 1024 + random_.upTo(12'000);
      plan.pause = 1ms;
      for (std::size_t n = 1 + random_.upTo(2); n > 0; --n) {
        conversation.ask(random_.oneIn(2) ? Op::kGet : Op::kFile, 200'000 + upTo(600'000),
                         someOffset());
      }
      break;
    case 4:
      plan.name = "byte by byte";
      plan.sendAtOnce = 1;
      conversation.ask(Op::kEcho, upTo(150), someOffset());
      break;
    case 5:
      plan.name = "half-closing";
      plan.ending = Plan::Ending::kHalfClose;
      askMixed(conversation, random_.upTo(20));
      break;
    case 6:
      plan.name = "resetting";
      plan.resetAfter = random_.upTo(400'000);
      conversation.ask(Op::kGet, kPatternPeriod, someOffset());
      conversation.ask(Op::kSink, kPatternPeriod, someOffset());
      conversation.ask(Op::kGet, kPatternPeriod, someOffset());
      break;
    case 7:
      plan.name = "vanishing";
      plan.ending = Plan::Ending::kVanish;
      if (random_.oneIn(2)) {
        plan.ending = Plan::Ending::kClose;
        plan.resetAfter = 0;
        conversation.ask(Op::kEcho, 10);
      }
      break;
    case 8:
      plan.name = "idle";
      plan.ending = Plan::Ending::kAwait;
      conversation.ask(Op::kIdle, 0, 0, static_cast<std::uint16_t>(50 + random_.upTo(400)));
      break;
    case 9:
      plan.name = "talking nonsense";
      plan.ending = Plan::Ending::kAwaitLost;
      askMixed(conversation, random_.upTo(3));
      plan.garbage = std::string(kNonsense) + random_.bytes(random_.upTo(50'000));
      break;
    case 10:
      plan.name = "sent away";
      plan.ending = Plan::Ending::kAwait;
      askMixed(conversation, random_.upTo(5));
      conversation.ask(Op::kBye);
      break;
    case 11:
      plan.name = "dropped";
      plan.ending = Plan::Ending::kAwaitLost;
      askMixed(conversation, random_.upTo(5));
      conversation.ask(Op::kDrop);
      break;
    default:
      plan.name = "mixed";
      askMixed(conversation, 1 + random_.upTo(30));
      break;
  }
  return std::make_unique<Stranger>(std::move(plan), std::move(conversation), tally_);
}

}  // namespace tern::soak
