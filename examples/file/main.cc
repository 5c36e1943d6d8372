// file_server: sends a file to whoever connects, and closes.
#include <fcntl.h>
#include <sys/stat.h>
#include <tern/base/UniqueFd.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

#include "ServerProgram.h"

namespace {

struct File {
  std::shared_ptr<const tern::UniqueFd> fd;
  std::uint64_t size = 0;
};

// One descriptor serves all connections: each keeps its own offset.
File openFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw std::invalid_argument(path + ": " + std::strerror(errno));
  File file{std::make_shared<const tern::UniqueFd>(fd)};
  struct stat status{};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    throw std::invalid_argument(path + " is not a regular file");
  }
  file.size = static_cast<std::uint64_t>(status.st_size);
  return file;
}

}  // namespace

int main(int argc, char** argv) {
  std::string path;
  return tern::examples::runServerProgram(
      argc, argv, "Sends a file to whoever connects, and closes.",
      [&path](tern::TcpServer& server) {
        server.setConnectionCallback(
            [file = openFile(path)](const tern::TcpConnectionPtr& connection) {
              if (!connection->connected()) return;
              connection->sendFile(file.fd, 0, file.size);
              connection->shutdown();
            });
      },
      [&path](CLI::App& app) { app.add_option("--file", path, "what to send")->required(); });
}
