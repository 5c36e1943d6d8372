// bench_server_libevent: libevent's bufferevents, as its book has them: read callback, evbuffer to
// evbuffer, no locking, one thread. Replies of one callback coalesce in the output evbuffer, which
// libevent writes when the loop comes round. Its default of reading at most 16 KiB at a time is
// raised to 1 MiB, which helps it with large messages. Broadcast: small pieces are copied to each
// output, which coalesces them; larger ones are referred to.
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>

#include <array>
#include <csignal>
#include <cstring>
#include <memory>
#include <unordered_set>

#include "BenchServer.h"

namespace {

using tern::bench::Mode;

constexpr std::size_t kHeader = 4;
constexpr std::size_t kCopyLimit = 1024;

Mode mode = Mode::kRaw;
std::unordered_set<bufferevent*> audience;

// A piece that many outputs refer to.
struct Block {
  std::size_t users;
  std::size_t length;
  std::unique_ptr<char[]> bytes;
};

void echoRaw(bufferevent* connection, void*) {
  evbuffer_add_buffer(bufferevent_get_output(connection), bufferevent_get_input(connection));
}

void echoFrames(bufferevent* connection, void*) {
  evbuffer* input = bufferevent_get_input(connection);
  evbuffer* output = bufferevent_get_output(connection);
  while (evbuffer_get_length(input) >= kHeader) {
    std::array<unsigned char, kHeader> header{};
    evbuffer_copyout(input, header.data(), kHeader);
    const std::size_t length = (static_cast<std::size_t>(header[0]) << 24U) |
                               (static_cast<std::size_t>(header[1]) << 16U) |
                               (static_cast<std::size_t>(header[2]) << 8U) | header[3];
    if (evbuffer_get_length(input) < kHeader + length) return;
    evbuffer_remove_buffer(input, output, kHeader + length);
  }
}

void release(const void*, std::size_t, void* block) {
  auto* shared = static_cast<Block*>(block);
  if (--shared->users == 0) delete shared;
}

void tellAll(bufferevent* connection, void*) {
  evbuffer* input = bufferevent_get_input(connection);
  const std::size_t length = evbuffer_get_length(input);
  if (length <= kCopyLimit) {
    std::array<char, kCopyLimit> bytes;
    evbuffer_remove(input, bytes.data(), length);
    for (bufferevent* each : audience) {
      evbuffer_add(bufferevent_get_output(each), bytes.data(), length);
    }
    return;
  }
  auto* block = new Block{audience.size(), length, std::make_unique<char[]>(length)};
  evbuffer_remove(input, block->bytes.get(), length);
  for (bufferevent* each : audience) {
    evbuffer_add_reference(bufferevent_get_output(each), block->bytes.get(), length, release,
                           block);
  }
}

void onEvent(bufferevent* connection, short events, void*) {
  if ((events & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0) return;
  audience.erase(connection);
  bufferevent_free(connection);
}

void onAccept(evconnlistener* listener, evutil_socket_t fd, sockaddr*, int, void*) {
  event_base* base = evconnlistener_get_base(listener);
  bufferevent* connection = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
  const bufferevent_data_cb onRead = mode == Mode::kRaw      ? echoRaw
                                     : mode == Mode::kFramed ? echoFrames
                                                             : tellAll;
  bufferevent_setcb(connection, onRead, nullptr, onEvent, nullptr);
  audience.insert(connection);
  bufferevent_set_max_single_read(connection, 1 << 20U);
  bufferevent_set_max_single_write(connection, 1 << 20U);
  bufferevent_enable(connection, EV_READ | EV_WRITE);
}

void serve(const tern::bench::ServerArguments& arguments) {
  const int fd = tern::bench::listenOn(arguments);
  evutil_make_socket_nonblocking(fd);
  event_base* base = event_base_new();
  std::signal(SIGPIPE, SIG_IGN);  // libevent leaves that to the program
  mode = arguments.mode;
  evconnlistener* listener = evconnlistener_new(
      base, onAccept, nullptr, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
  if (listener == nullptr) tern::bench::fail("evconnlistener_new()");
  tern::bench::printReady(arguments, tern::bench::portOf(fd), "libevent");
  event_base_dispatch(base);
}

}  // namespace

int main(int argc, char** argv) {
  return tern::bench::runBenchServer(argc, argv, "bench_server_libevent", false, serve);
}
