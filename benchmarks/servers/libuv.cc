// bench_server_libuv: libuv's streams as its guide has them, with the usual improvement of
// uv_try_write() first and a uv_write() request only for what the socket did not take. The read
// buffer is one static block of 64 KiB, the size that libuv suggests. Broadcast: the same, with one
// block that all requests share.
#include <uv.h>

#include <array>
#include <csignal>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>
#include <unordered_set>

#include "BenchServer.h"

namespace {

using tern::bench::Mode;

constexpr std::size_t kHeader = 4;
std::array<char, 64 * 1024> block;  // one read at a time, so one block for all

struct Connection {
  uv_tcp_t handle{};
  std::string partial;  // of a frame that has not arrived whole
};

struct Write {
  uv_write_t request{};
  std::string bytes;
};

// Of a piece for all connections: one block, whatever the number of those that must wait for room.
struct SharedWrite {
  uv_write_t request{};
  std::shared_ptr<const std::string> bytes;
};

Mode mode = Mode::kRaw;
std::unordered_set<uv_stream_t*> audience;

void onClosed(uv_handle_t* handle) { delete static_cast<Connection*>(handle->data); }

void send(uv_stream_t* stream, const char* data, std::size_t length) {
  uv_buf_t whole = uv_buf_init(const_cast<char*>(data), static_cast<unsigned>(length));
  const int sent = uv_try_write(stream, &whole, 1);
  const std::size_t done = sent < 0 ? 0 : static_cast<std::size_t>(sent);
  if (done == length) return;
  auto* write = new Write;
  write->bytes.assign(data + done, length - done);
  write->request.data = write;
  uv_buf_t rest = uv_buf_init(write->bytes.data(), static_cast<unsigned>(write->bytes.size()));
  uv_write(&write->request, stream, &rest, 1,
           [](uv_write_t* request, int) { delete static_cast<Write*>(request->data); });
}

// Sends each whole frame by itself; returns how many bytes were used.
std::size_t echoFrames(uv_stream_t* stream, const char* data, std::size_t length) {
  std::size_t used = 0;
  while (length - used >= kHeader) {
    const auto* header = reinterpret_cast<const unsigned char*>(data + used);
    const std::size_t frame = kHeader + ((static_cast<std::size_t>(header[0]) << 24U) |
                                         (static_cast<std::size_t>(header[1]) << 16U) |
                                         (static_cast<std::size_t>(header[2]) << 8U) | header[3]);
    if (length - used < frame) break;
    send(stream, data + used, frame);
    used += frame;
  }
  return used;
}

// The block is made when the first socket is full; most pieces need none.
void tellAll(const char* data, std::size_t length) {
  std::shared_ptr<const std::string> bytes;
  uv_buf_t whole = uv_buf_init(const_cast<char*>(data), static_cast<unsigned>(length));
  for (uv_stream_t* stream : audience) {
    const int sent = uv_try_write(stream, &whole, 1);
    const std::size_t done = sent < 0 ? 0 : static_cast<std::size_t>(sent);
    if (done == length) continue;
    if (bytes == nullptr) bytes = std::make_shared<const std::string>(data, length);
    auto* write = new SharedWrite{{}, bytes};
    write->request.data = write;
    uv_buf_t rest =
        uv_buf_init(const_cast<char*>(bytes->data()) + done, static_cast<unsigned>(length - done));
    uv_write(&write->request, stream, &rest, 1,
             [](uv_write_t* request, int) { delete static_cast<SharedWrite*>(request->data); });
  }
}

void onRead(uv_stream_t* stream, ssize_t n, const uv_buf_t* buffer) {
  if (n < 0) {
    audience.erase(stream);
    uv_close(reinterpret_cast<uv_handle_t*>(stream), onClosed);
    return;
  }
  const auto length = static_cast<std::size_t>(n);
  if (mode == Mode::kBroadcast) {
    tellAll(buffer->base, length);
    return;
  }
  if (mode == Mode::kRaw) {
    send(stream, buffer->base, length);
    return;
  }
  std::string& partial = static_cast<Connection*>(stream->data)->partial;
  if (partial.empty()) {
    const std::size_t used = echoFrames(stream, buffer->base, length);
    partial.assign(buffer->base + used, length - used);
  } else {
    partial.append(buffer->base, length);
    partial.erase(0, echoFrames(stream, partial.data(), partial.size()));
  }
}

void onConnection(uv_stream_t* listener, int status) {
  if (status < 0) return;
  auto* connection = new Connection;
  uv_tcp_init(listener->loop, &connection->handle);
  connection->handle.data = connection;
  auto* stream = reinterpret_cast<uv_stream_t*>(&connection->handle);
  if (uv_accept(listener, stream) != 0) {
    uv_close(reinterpret_cast<uv_handle_t*>(stream), onClosed);
    return;
  }
  uv_tcp_nodelay(&connection->handle, 1);
  audience.insert(stream);
  uv_read_start(
      stream,
      [](uv_handle_t*, std::size_t, uv_buf_t* out) {
        *out = uv_buf_init(block.data(), static_cast<unsigned>(block.size()));
      },
      onRead);
}

void check(int result, const std::string& what) {
  if (result < 0) throw std::system_error(-result, std::system_category(), what);
}

void serve(const tern::bench::ServerArguments& arguments) {
  mode = arguments.mode;
  std::signal(SIGPIPE, SIG_IGN);  // libuv leaves that to the program
  uv_loop_t* loop = uv_default_loop();
  uv_tcp_t listener;
  uv_tcp_init(loop, &listener);
  const int fd = tern::bench::listenOn(arguments);
  check(uv_tcp_open(&listener, fd), "uv_tcp_open()");
  check(uv_listen(reinterpret_cast<uv_stream_t*>(&listener), SOMAXCONN, onConnection),
        "uv_listen()");
  tern::bench::printReady(arguments, tern::bench::portOf(fd), "libuv");
  uv_run(loop, UV_RUN_DEFAULT);
}

}  // namespace

int main(int argc, char** argv) {
  return tern::bench::runBenchServer(argc, argv, "bench_server_libuv", false, serve);
}
