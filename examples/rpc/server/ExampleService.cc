// ExampleService: two methods that answer at once, and one that keeps its client waiting.
#include "ExampleService.h"

#include <tern/net/EventLoop.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>

namespace {

using google::protobuf::Closure;
using google::protobuf::RpcController;
using tern::EventLoop;

// Ends a call of Wait: when its time is over or its client does not want it any more, whichever is
// first. Both happen on the loop that the call came in on.
struct Waiting {
  EventLoop* loop;
  tern::TimerId timer;
  Closure* done;

  void end() {
    if (done == nullptr) return;
    loop->cancel(timer);
    Closure* const closure = done;
    done = nullptr;
    closure->Run();
  }
};

// NewCallback() wants the very type of its argument.
// NOLINTNEXTLINE(performance-unnecessary-value-param)
void endWaiting(std::shared_ptr<Waiting> waiting) { waiting->end(); }

}  // namespace

void ExampleService::Echo(RpcController* /*controller*/, const tern::example::EchoRequest* request,
                          tern::example::EchoReply* reply, Closure* done) {
  reply->set_payload(request->payload());
  done->Run();
}

void ExampleService::Sum(RpcController* /*controller*/, const tern::example::SumRequest* request,
                         tern::example::SumReply* reply, Closure* done) {
  std::int64_t sum = 0;
  for (const std::int64_t number : request->numbers()) {
    if (__builtin_add_overflow(sum, number, &sum)) {
      throw std::overflow_error("the sum is more than 64 bits hold");
    }
  }
  reply->set_sum(sum);
  done->Run();
}

void ExampleService::Wait(RpcController* controller, const tern::example::WaitRequest* request,
                          tern::example::WaitReply* /*reply*/, Closure* done) {
  auto waiting = std::make_shared<Waiting>();
  waiting->loop = EventLoop::getEventLoopOfCurrentThread();
  waiting->done = done;
  waiting->timer = waiting->loop->runAfter(std::chrono::milliseconds(request->milliseconds()),
                                           [waiting] { waiting->end(); });
  controller->NotifyOnCancel(google::protobuf::NewCallback(&endWaiting, waiting));
}
