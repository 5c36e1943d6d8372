// bench_server_libevent: libevent's bufferevents, as its book has them: read callback, evbuffer to
// evbuffer, no locking, one thread. Replies of one callback coalesce in the output evbuffer, which
// libevent writes when the loop comes round. Its default of reading at most 16 KiB at a time is
// raised to 1 MiB, which helps it with large messages.
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>

#include <array>
#include <cstring>

#include "BenchServer.h"

namespace {

constexpr std::size_t kHeader = 4;

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

void onEvent(bufferevent* connection, short events, void*) {
  if ((events & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) bufferevent_free(connection);
}

void onAccept(evconnlistener* listener, evutil_socket_t fd, sockaddr*, int, void* framed) {
  event_base* base = evconnlistener_get_base(listener);
  bufferevent* connection = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(connection, framed != nullptr ? echoFrames : echoRaw, nullptr, onEvent,
                    nullptr);
  bufferevent_set_max_single_read(connection, 1 << 20U);
  bufferevent_set_max_single_write(connection, 1 << 20U);
  bufferevent_enable(connection, EV_READ | EV_WRITE);
}

void serve(const tern::bench::ServerArguments& arguments) {
  const int fd = tern::bench::listenOn(arguments);
  evutil_make_socket_nonblocking(fd);
  event_base* base = event_base_new();
  static int yes = 1;
  evconnlistener* listener =
      evconnlistener_new(base, onAccept, arguments.framed ? &yes : nullptr,
                         LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
  if (listener == nullptr) tern::bench::fail("evconnlistener_new()");
  tern::bench::printReady(arguments, tern::bench::portOf(fd), "libevent");
  event_base_dispatch(base);
}

}  // namespace

int main(int argc, char** argv) {
  return tern::bench::runBenchServer(argc, argv, "bench_server_libevent", false, serve);
}
