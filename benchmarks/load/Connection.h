// One TCP connection to the server: a non-blocking socket and the echo stream that it carries.
#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>

#include "Clock.h"
#include "EchoStream.h"
#include "Endpoint.h"
#include "Pattern.h"
#include "UniqueFd.h"

namespace tern::load {

// The connection is of no more use; what() is the sentence that says which one and why.
class ConnectionError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// No local port is free for one more connection; it may help to wait until others have closed.
class NoLocalPort : public ConnectionError {
 public:
  using ConnectionError::ConnectionError;
};

// Made to be registered edge-triggered: receive() and flush() go on until the kernel has said that
// there is no more. The endpoint and the pattern must outlive it. Whoever drives it allows batches;
// it sends those and no others.
class Connection {
 public:
  Connection() = default;

  // Starts to connect. The handshake's end needs no attention: until then flush() sends nothing,
  // and if it fails, flush() or receive() throws. Throws ConnectionError, as they do.
  Connection(const Endpoint& server, const Pattern& pattern, std::uint32_t id);

  bool isOpen() const { return static_cast<bool>(fd_); }
  int fd() const { return fd_.get(); }
  const EchoStream& stream() const { return stream_; }

  // One batch more may be sent, from `when` on: there the latency of a closed loop starts.
  void allowBatch(TimePoint when) {
    if (!isAwaiting()) lastProgress_ = when;
    allowedAt_ = when;
    ++allowed_;
  }
  std::uint64_t batchesAllowed() const { return allowed_; }
  std::uint64_t batchesUnanswered() const { return allowed_ - stream_.batchesAnswered(); }
  bool isAwaiting() const { return batchesUnanswered() != 0; }
  bool hasUnsent() const { return stream_.batchesSent() != allowed_; }
  TimePoint allowedAt() const { return allowedAt_; }

  // In a broadcast all connections hear what one of them, the speaker, says. join() makes this one
  // expect everything from here on, and lets it speak next; follow() must be called before each
  // receive(), and before failIfStalled(), while another one speaks.
  void join(const Connection& speaker);
  void follow(const Connection& speaker);

  // Sends what is allowed until it is out or the socket is full. Throws ConnectionError.
  void flush();

  // Takes and checks what has arrived; `events` are the epoll flags that announced it, and `buffer`
  // is scratch space. Calls completed(const Completed&, TimePoint) as EchoStream::receive does. The
  // clock is read once a recv: this one reading ends the messages that the recv completed and
  // starts the batch that answers them. Throws ConnectionError.
  template <typename OnCompleted>
  void receive(std::span<char> buffer, std::uint32_t events, OnCompleted&& completed);

  // Throws ConnectionError when an answer is due and nothing has come for longer than `timeout`.
  void failIfStalled(TimePoint at, Duration timeout) const;

  // Closing sends RST, so neither side is left with a port in TIME_WAIT.
  void closeWithReset();
  // What the destructor does: closing sends FIN.
  void close() { fd_.reset(); }

 private:
  [[noreturn]] void fail(const std::string& what) const;
  [[noreturn]] void failWithErrno(int error) const;

  UniqueFd fd_;
  std::uint32_t id_ = 0;
  const Endpoint* server_ = nullptr;
  EchoStream stream_;
  std::uint64_t allowed_ = 0;
  TimePoint allowedAt_;
  TimePoint lastProgress_;
};

// Everything that came back right on any of them, closed ones included.
Tally total(std::span<const Connection> connections);

template <typename OnCompleted>
void Connection::receive(std::span<char> buffer, std::uint32_t events, OnCompleted&& completed) {
  // With one of these the end of the stream lies behind the data; no further edge announces it.
  const bool ending = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  while (true) {
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0) {
      if (errno == EAGAIN) return;
      if (errno == EINTR) continue;
      failWithErrno(errno);
    }
    if (got == 0) {
      fail(isAwaiting() ? "closed by the server before it had answered" : "closed by the server");
    }
    const TimePoint at = now();
    lastProgress_ = at;
    const auto bytes = static_cast<std::size_t>(got);
    try {
      stream_.receive(buffer.first(bytes),
                      [&](const Completed& messages) { completed(messages, at); });
    } catch (const EchoError& error) {
      fail(error.what());
    }
    // A recv that does not fill the buffer has emptied the socket: what comes later is a new edge.
    if (bytes < buffer.size() && !ending) return;
  }
}

}  // namespace tern::load
