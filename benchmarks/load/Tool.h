// The whole tool but for the process around it, so that tests can run it with streams of their own.
#pragma once

#include <iosfwd>

namespace tern::load {

// Obeys the command line: results go to `out`, sentences about errors to `err`. Returns the exit
// status: 0 when all went well, 1 after any error, 2 for a wrong command line. SIGINT and SIGTERM
// end a measurement early meanwhile.
int runTool(int argc, const char* const* argv, std::ostream& out, std::ostream& err);

}  // namespace tern::load
