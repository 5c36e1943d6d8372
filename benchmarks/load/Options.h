// The command line: what can be asked for, and the check that it makes sense.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <stdexcept>
#include <string>

#include "Endpoint.h"
#include "Pattern.h"

namespace tern::load {

enum class Work {
  echo,        // requests and answers over connections that stay
  acceptRate,  // connect, one echo, RST, as many a second as can be
  idle,        // connections that do nothing, for their memory
  bulk,        // a steady stream both ways
  broadcast,   // one connection sends, the server passes it on to all
};

struct Options {
  Work work = Work::echo;
  Framing framing = Framing::raw;
  Endpoint server;
  std::uint32_t connections = 100;
  std::size_t size = 64;
  std::uint32_t depth = 1;
  double seconds = 5;
  double warmup = 1;
  double timeout = 5;
  std::optional<double> rate;
  std::optional<pid_t> serverPid;
  std::string jsonFile;  // empty: none; "-": standard output
};

// The command line can't be obeyed; what() is one sentence.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Returns nothing when help was asked for and has been written to `out`. Throws UsageError.
std::optional<Options> parseOptions(int argc, const char* const* argv, std::ostream& out);

const char* nameOf(Work work);
const char* nameOf(Framing framing);

}  // namespace tern::load
