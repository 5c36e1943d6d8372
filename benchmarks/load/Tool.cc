// From the command line to the exit status.
#include "Tool.h"

#include <cerrno>
#include <cstring>
#include <exception>
#include <fstream>
#include <ostream>
#include <stdexcept>
#include <vector>

#include "AcceptRun.h"
#include "BroadcastOpener.h"
#include "BroadcastRun.h"
#include "Descriptors.h"
#include "EchoRun.h"
#include "IdleRun.h"
#include "Opener.h"
#include "Options.h"
#include "Report.h"
#include "Segments.h"
#include "Session.h"

namespace tern::load {
namespace {

void runOverLastingConnections(Session& session, Result& result) {
  std::vector<Connection> connections(session.options().connections);
  if (!Opener(session, connections, result.latency).run()) {
    result.verifiedBytes = total(connections).bytes;
    return;
  }
  EchoRun(session, connections, result).execute();
  result.segments = segmentsReceived(connections);
}

void runBroadcast(Session& session, Result& result) {
  std::vector<Connection> connections(session.options().connections);
  if (!BroadcastOpener(session, connections).run()) {
    result.verifiedBytes = total(connections).bytes;
    return;
  }
  BroadcastRun(session, connections, result).execute();
}

void work(Session& session, Result& result) {
  switch (session.options().work) {
    case Work::echo:
    case Work::bulk:
      runOverLastingConnections(session, result);
      break;
    case Work::acceptRate:
      AcceptRun(session, result).execute();
      break;
    case Work::broadcast:
      runBroadcast(session, result);
      break;
    case Work::idle:
      IdleRun(session, result).execute();
      break;
  }
}

Result measure(const Options& options, std::ostream& err) {
  reserveDescriptors(options.connections);
  Session session(options, err);
  Result result;
  result.options = options;
  work(session, result);
  result.interrupted = session.interrupts() != 0;
  if (result.requests == 0 && session.errors().count() == 0 && !result.interrupted) {
    session.errors().report("no request was answered within the measured window");
  }
  session.errors().summarize();
  result.errors = session.errors().count();
  result.firstError = session.errors().first();
  return result;
}

int runWith(const Options& options, std::ostream& out, std::ostream& err) {
  // Opened before the run, so that a name that can't be written to does not cost a run.
  std::ofstream file;
  const bool jsonToOut = options.jsonFile == "-";
  if (!options.jsonFile.empty() && !jsonToOut) {
    file.open(options.jsonFile);
    if (!file) {
      throw std::runtime_error("can't write " + options.jsonFile + ": " + std::strerror(errno));
    }
  }
  const Result result = measure(options, err);
  (jsonToOut ? err : out) << humanLine(result) << '\n';
  if (jsonToOut) out << json(result) << '\n';
  if (file.is_open() && !(file << json(result) << '\n' << std::flush)) {
    throw std::runtime_error("can't write all of " + options.jsonFile);
  }
  if (!out.flush()) throw std::runtime_error("can't write all of the result to standard output");
  return result.errors == 0 ? 0 : 1;
}

}  // namespace

int runTool(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  try {
    const std::optional<Options> options = parseOptions(argc, argv, out);
    return options ? runWith(*options, out, err) : 0;
  } catch (const UsageError& error) {
    err << "tern-load: " << error.what() << " (--help lists the options)" << '\n';
    return 2;
  } catch (const std::exception& error) {
    err << "tern-load: " << error.what() << '\n';
    return 1;
  }
}

}  // namespace tern::load
