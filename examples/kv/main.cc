// kv_server: a key-value server that speaks the Redis protocol.
#include <CLI/CLI.hpp>
#include <memory>

#include "KvServer.h"
#include "ServerProgram.h"

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
            ->transform(CLI::AsSizeValue(false))
            ->capture_default_str();
        app.add_option("--proto-max-bulk-len", limits.bulkLength,
                       "bytes that one argument of a command may have")
            ->transform(CLI::AsSizeValue(false) & CLI::Range(std::size_t{1}, limits.bulkLength))
            ->capture_default_str();
      });
}
