// Pollers: the pollers that a benchmark runs on, as an argument of the benchmark.
#pragma once

#include <benchmark/benchmark.h>
#include <tern/poller/PollerSpec.h>

#include <array>
#include <cstdint>
#include <memory>
#include <system_error>

namespace tern::bench {

inline constexpr std::array<const char*, 3> kPollers{"poll", "epoll", "io_uring"};

/// The poller that `index` names; nullptr, and the benchmark is skipped, where the kernel has none.
inline std::unique_ptr<Poller> pollerOf(benchmark::State& state, std::int64_t index) {
  const char* name = kPollers.at(static_cast<std::size_t>(index));
  state.SetLabel(name);
  try {
    return PollerSpec::named(name).make().poller;
  } catch (const std::system_error& error) {
    state.SkipWithError(error.what());
    return nullptr;
  }
}

}  // namespace tern::bench
