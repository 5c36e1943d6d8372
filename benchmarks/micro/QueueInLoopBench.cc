// QueueInLoopBench: functors a second, from the first post to the last run, that 1 and 4 threads
// hand to a loop: tern's queueInLoop() beside Boost.Asio's post().
#include <benchmark/benchmark.h>
#include <tern/net/EventLoop.h>

#include <atomic>
// Debian's Asio uses std::exchange without <utility>.
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <latch>
#include <thread>
#include <utility>
#include <vector>

namespace tern::bench {
namespace {

constexpr std::int64_t kPosts = 200'000;

class OnTern {
 public:
  template <class Functor>
  void post(Functor functor) {
    loop_.queueInLoop(functor);
  }
  void run() { loop_.loop(); }
  void stop() { loop_.quit(); }

 private:
  EventLoop loop_{PollerSpec(PollerKind::kEPoll)};
};

// The concurrency hint says that one thread runs it; others may post still.
class OnAsio {
 public:
  template <class Functor>
  void post(Functor functor) {
    boost::asio::post(context_, functor);
  }
  void run() { context_.run(); }
  void stop() { context_.stop(); }

 private:
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_ =
      boost::asio::make_work_guard(context_);
};

// Starts `producers` threads that post kPosts functors together, runs them on this thread, and
// returns the time that it took; zero when one was lost.
template <class Loop>
Duration postAndRun(int producers) {
  Loop loop;
  std::int64_t ran = 0;
  std::latch ready(producers + 1);
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(producers));
  for (int i = 0; i < producers; ++i) {
    threads.emplace_back([&] {
      ready.arrive_and_wait();
      for (std::int64_t left = kPosts / producers; left > 0; --left) {
        loop.post([&loop, &ran] {
          if (++ran == kPosts) loop.stop();
        });
      }
    });
  }
  ready.arrive_and_wait();
  const Timestamp start = Clock::now();
  loop.run();
  const Duration took = Clock::now() - start;
  for (std::thread& thread : threads) thread.join();
  return ran == kPosts ? took : Duration(0);
}

template <class Loop>
void queueInLoop(benchmark::State& state) {
  postAndRun<Loop>(1);  // the memory that a backlog takes shall have been had before
  for (auto _ : state) {
    const Duration took = postAndRun<Loop>(static_cast<int>(state.range(0)));
    if (took == Duration(0)) state.SkipWithError("functors were lost");
    state.SetIterationTime(std::chrono::duration<double>(took).count());
  }
  state.SetItemsProcessed(state.iterations() * kPosts);
}

BENCHMARK_TEMPLATE(queueInLoop, OnTern)->Arg(1)->Arg(4)->UseManualTime();
BENCHMARK_TEMPLATE(queueInLoop, OnAsio)->Arg(1)->Arg(4)->UseManualTime();

}  // namespace
}  // namespace tern::bench
