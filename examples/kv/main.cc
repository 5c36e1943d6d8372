// kv_server: a key-value server that speaks the Redis protocol.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>

#include "KvServer.h"
#include "ServerProgram.h"

namespace {

// "100", "64kb" or "1GB". CLI11 would wrap a negative number around, and stop at the largest.
CLI::Validator size() {
  const auto complaint = [](const std::string& text) -> std::string {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits >= 1 && digits <= 15) return {};
    return "'" + text + "' is not a size";
  };
  return CLI::Validator(complaint, "") & CLI::AsSizeValue(false);
}

}  // namespace

int main(int argc, char** argv) {
  tern::kv::Store::Options store;
  tern::kv::RespParser::Limits limits;
  const CLI::App* arguments = nullptr;
  std::unique_ptr<tern::kv::KvServer> kv;

  return tern::examples::runServerProgram(
      argc, argv, "Keeps keys and values, in memory, for clients that speak the Redis protocol.",
      [&](tern::TcpServer& server) {
        // One loop needs no locks.
        store.concurrent = arguments->get_option("--threads")->as<unsigned>() > 1;
        kv = std::make_unique<tern::kv::KvServer>(server, store, limits);
      },
      [&](CLI::App& app) {
        arguments = &app;
        app.add_option("--maxmemory", store.maxMemory,
                       "bytes of keys and values above which writes are refused; 0: no limit")
            ->transform(size())
            ->capture_default_str();
        app.add_option("--proto-max-bulk-len", limits.bulkLength,
                       "bytes that one argument of a command may have")
            ->transform(size() & CLI::Range(std::size_t{1}, limits.bulkLength))
            ->capture_default_str();
      });
}
