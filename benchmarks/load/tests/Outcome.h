// Outcome: a run of the whole tool in the process of the test, and what came of it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace tern::load {

struct Outcome {
  int status;
  std::string out;
  std::string err;

  nlohmann::json document() const { return nlohmann::json::parse(out); }
};

Outcome run(const std::vector<std::string>& arguments);

// A short run with JSON on standard output.
Outcome runAgainst(const std::string& address, std::vector<std::string> arguments);

void expectClean(const Outcome& outcome);

}  // namespace tern::load
