// compute_server: solves Sudoku on compute threads beside the loops.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <memory>
#include <thread>

#include "ComputeServer.h"
#include "ServerProgram.h"

int main(int argc, char** argv) {
  tern::compute::ComputeOptions options;
  options.threads = std::max(1U, std::thread::hardware_concurrency());
  std::unique_ptr<tern::compute::ComputeServer> compute;

  return tern::examples::runServerProgram(
      argc, argv, "Solves Sudoku: id:81 digits, 0 for an empty cell.",
      [&](tern::TcpServer& server) {
        compute = std::make_unique<tern::compute::ComputeServer>(server, options);
      },
      [&](CLI::App& app) {
        app.add_option("--compute-threads", options.threads, "how many threads solve")
            ->check(CLI::Range(1U, 1024U))
            ->capture_default_str();
        app.add_option("--queue", options.mostWaiting,
                       "puzzles of a connection that may wait before it is not read from")
            ->check(CLI::Range(1U, 1'000'000U))
            ->capture_default_str();
      });
}
