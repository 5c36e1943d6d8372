// http_server: a greeting at /, POST /echo, and, with --root, the files of a folder.
#include <tern/http/Service.h>

#include <CLI/CLI.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "ServerProgram.h"
#include "StaticFiles.h"

namespace {

using tern::http::Request;
using tern::http::Responder;
using tern::http::Response;

struct Options {
  std::string root;
  std::size_t bodyLimit = std::size_t{16} * 1024 * 1024;
};

void echo(Request& request, Responder responder) {
  const std::string type(request.header("Content-Type").value_or("application/octet-stream"));
  responder.send(Response(200, request.takeBody(), type));
}

tern::http::Handler makeHandler(const Options& options) {
  // Made once: sending it again costs no more than copying its few bytes.
  const Response greeting(200, "Hello from tern!\n");
  const Response notFound(404, "404 Not Found\n");
  std::shared_ptr<const tern::examples::StaticFiles> files;
  if (!options.root.empty()) files = std::make_shared<tern::examples::StaticFiles>(options.root);

  return [greeting, notFound, files](Request& request, Responder responder) {
    if (request.path() == "/echo" && !request.body().empty()) {
      echo(request, std::move(responder));
    } else if (files != nullptr) {
      files->handle(request, std::move(responder));
    } else {
      responder.send(request.path() == "/" ? greeting : notFound);
    }
  };
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  return tern::examples::runServerProgram(
      argc, argv, "Serves a greeting, an echo, and files over HTTP/1.1.",
      [&](tern::TcpServer& server) {
        tern::http::Limits limits;
        limits.bodyBytes = options.bodyLimit;
        tern::http::Service service(makeHandler(options), limits);
        service.attach(server);
      },
      [&](CLI::App& app) {
        app.add_option("--root", options.root, "a folder whose files are served, / included");
        app.add_option("--body-limit", options.bodyLimit, "bytes that a request's body may have")
            ->capture_default_str();
      });
}
