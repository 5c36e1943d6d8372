// EchoCaller: slots, each with a call that is made again when it has ended.
#include "EchoCaller.h"

#include <algorithm>
#include <chrono>
#include <cstring>

// What a call needs while it is in flight, used again for the next; it is its own `done`.
class EchoCaller::Slot final : public google::protobuf::Closure {
 public:
  explicit Slot(EchoCaller& caller) : caller_(caller) {
    controller.setTimeout(std::chrono::milliseconds(caller.plan_.timeout));
  }
  void Run() override { caller_.ended(*this); }

  tern::rpc::Controller controller;
  tern::example::EchoRequest request;
  tern::example::EchoReply reply;

 private:
  EchoCaller& caller_;
};

EchoCaller::EchoCaller(tern::EventLoop& loop, tern::rpc::Channel& channel, const CallPlan& plan)
    : loop_(loop), plan_(plan), stub_(&channel) {}

EchoCaller::~EchoCaller() = default;

void EchoCaller::start() {
  const std::size_t count = std::min<std::uint64_t>(plan_.inFlight, plan_.calls);
  for (std::size_t i = 0; i < count; ++i) slots_.push_back(std::make_unique<Slot>(*this));
  for (const auto& slot : slots_) next(*slot);
}

// Each payload differs from the others by its number, as far as it has room for one.
void EchoCaller::next(Slot& slot) {
  const std::uint64_t number = made_++;
  std::string& payload = *slot.request.mutable_payload();
  payload.resize(plan_.size, static_cast<char>('a' + number % 26));
  std::memcpy(payload.data(), &number, std::min(sizeof number, payload.size()));
  stub_.Echo(&slot.controller, &slot.request, &slot.reply, &slot);
}

void EchoCaller::ended(Slot& slot) {
  if (slot.controller.Failed()) {
    if (result_.failed++ == 0) result_.firstFailure = slot.controller.ErrorText();
  } else if (slot.reply.payload() == slot.request.payload()) {
    ++result_.answered;
  } else {
    ++result_.wrong;
  }
  ++over_;
  if (made_ < plan_.calls) {
    next(slot);
  } else if (over_ == plan_.calls) {
    loop_.quit();
  }
}
