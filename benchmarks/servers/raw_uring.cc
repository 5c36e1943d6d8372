// bench_server_raw_uring: the limit for completion. Multishot accept, multishot receive into 17 KiB
// provided buffers, and one send entry a receive, straight from the buffer that was received into;
// one io_uring_enter a turn. It parses nothing: in framed mode the bytes are the same. At most one
// send is in flight a connection; what arrives meanwhile queues behind it. Broadcast: one send
// entry a connection, all from the one buffer that was received into.
#include <liburing.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <deque>
#include <vector>

#include "BenchServer.h"

namespace {

constexpr unsigned kBuffers = 4096;
constexpr unsigned kBufferSize = 17 * 1024;
constexpr std::uint16_t kGroup = 0;

enum class Kind : std::uint8_t { kAccept, kReceive, kSend };

struct Piece {
  std::uint16_t buffer;
  std::uint32_t offset;
  std::uint32_t length;
};

struct Connection {
  std::deque<Piece>* waiting = nullptr;  // behind the send in flight; rarely there
  Piece sending{};
  bool open = false;
  bool inFlight = false;
  bool receiving = false;
  bool closing = false;
};

class Server {
 public:
  Server(int listener, bool broadcasts)
      : listener_(listener), broadcasts_(broadcasts), users_(kBuffers) {
    io_uring_params parameters{};
    parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                       IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
    parameters.cq_entries = 16384;
    check(io_uring_queue_init_params(4096, &ring_, &parameters), "io_uring_setup()");
    const std::size_t ringBytes = kBuffers * sizeof(io_uring_buf);
    buffers_ = static_cast<io_uring_buf_ring*>(map(ringBytes));
    memory_ = static_cast<char*>(map(static_cast<std::size_t>(kBuffers) * kBufferSize));
    io_uring_buf_ring_init(buffers_);
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uint64_t>(buffers_);
    registration.ring_entries = kBuffers;
    registration.bgid = kGroup;
    check(io_uring_register_buf_ring(&ring_, &registration, 0), "registering buffers");
    for (unsigned i = 0; i < kBuffers; ++i) recycle(static_cast<std::uint16_t>(i));
    accept();
  }

  void run() {
    for (;;) {
      if (returned_ > 0) {
        io_uring_buf_ring_advance(buffers_, returned_);
        returned_ = 0;
        // Those that found no buffer try again now that there are some.
        std::vector<int> starved;
        starved.swap(starved_);
        for (const int fd : starved) receive(fd);
      }
      io_uring_submit_and_wait(&ring_, 1);
      io_uring_cqe* completion = nullptr;
      unsigned head = 0;
      unsigned seen = 0;
      io_uring_for_each_cqe(&ring_, head, completion) {
        ++seen;
        handle(*completion);
      }
      io_uring_cq_advance(&ring_, seen);
    }
  }

 private:
  static void check(int result, const char* what) {
    if (result >= 0) return;
    errno = -result;
    tern::bench::fail(what);
  }

  static void* map(std::size_t bytes) {
    void* memory =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) tern::bench::fail("mmap()");
    return memory;
  }

  char* at(std::uint16_t buffer) const {
    return memory_ + static_cast<std::size_t>(buffer) * kBufferSize;
  }

  void recycle(std::uint16_t buffer) {
    io_uring_buf_ring_add(buffers_, at(buffer), kBufferSize, buffer,
                          io_uring_buf_ring_mask(kBuffers), returned_++);
  }

  void release(std::uint16_t buffer) {
    if (--users_[buffer] == 0) recycle(buffer);
  }

  io_uring_sqe* next(Kind kind, int fd) {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (sqe == nullptr) {
      io_uring_submit(&ring_);
      sqe = io_uring_get_sqe(&ring_);
    }
    tag_ = (static_cast<std::uint64_t>(kind) << 32U) | static_cast<std::uint32_t>(fd);
    return sqe;
  }

  void accept() {
    io_uring_sqe* sqe = next(Kind::kAccept, listener_);
    io_uring_prep_multishot_accept(sqe, listener_, nullptr, nullptr, SOCK_CLOEXEC);
    io_uring_sqe_set_data64(sqe, tag_);
  }

  void receive(int fd) {
    io_uring_sqe* sqe = next(Kind::kReceive, fd);
    io_uring_prep_recv_multishot(sqe, fd, nullptr, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = kGroup;
    io_uring_sqe_set_data64(sqe, tag_);
    connections_[fd].receiving = true;
  }

  void send(int fd, Piece piece) {
    Connection& connection = connections_[fd];
    connection.sending = piece;
    connection.inFlight = true;
    io_uring_sqe* sqe = next(Kind::kSend, fd);
    io_uring_prep_send(sqe, fd, at(piece.buffer) + piece.offset, piece.length,
                       MSG_NOSIGNAL | MSG_WAITALL);
    io_uring_sqe_set_data64(sqe, tag_);
  }

  void handle(const io_uring_cqe& completion) {
    const auto kind = static_cast<Kind>(completion.user_data >> 32U);
    const auto fd = static_cast<int>(completion.user_data & 0xFFFFFFFFU);
    const bool more = (completion.flags & IORING_CQE_F_MORE) != 0;
    switch (kind) {
      case Kind::kAccept:
        onAccepted(completion.res, more);
        break;
      case Kind::kReceive:
        onReceived(fd, completion, more);
        break;
      case Kind::kSend:
        onSent(fd, completion.res);
        break;
    }
  }

  void onAccepted(int fd, bool more) {
    if (fd >= 0) {
      if (static_cast<std::size_t>(fd) >= connections_.size()) connections_.resize(fd + 1U);
      connections_[fd] = Connection{};
      connections_[fd].open = true;
      receive(fd);
    }
    if (!more) accept();
  }

  void onReceived(int fd, const io_uring_cqe& completion, bool more) {
    Connection& connection = connections_[fd];
    if (!more) connection.receiving = false;
    if (completion.res > 0) {
      const Piece piece{static_cast<std::uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT), 0,
                        static_cast<std::uint32_t>(completion.res)};
      if (broadcasts_) {
        tellAll(piece);
      } else {
        users_[piece.buffer] = 1;
        sendOrQueue(fd, piece);
      }
      if (!more) receive(fd);
    } else if (completion.res == -ENOBUFS) {
      starved_.push_back(fd);
    } else {
      connection.closing = true;
      closeIfIdle(fd);
    }
  }

  void sendOrQueue(int fd, Piece piece) {
    Connection& connection = connections_[fd];
    if (!connection.inFlight) {
      send(fd, piece);
    } else {
      if (connection.waiting == nullptr) connection.waiting = new std::deque<Piece>;
      connection.waiting->push_back(piece);
    }
  }

  // This use of the buffer counts as one, until all sends are on their way.
  void tellAll(Piece piece) {
    users_[piece.buffer] = 1;
    for (std::size_t fd = 0; fd < connections_.size(); ++fd) {
      if (!connections_[fd].open || connections_[fd].closing) continue;
      ++users_[piece.buffer];
      sendOrQueue(static_cast<int>(fd), piece);
    }
    release(piece.buffer);
  }

  void onSent(int fd, int sent) {
    Connection& connection = connections_[fd];
    connection.inFlight = false;
    Piece& piece = connection.sending;
    if (sent > 0 && static_cast<std::uint32_t>(sent) < piece.length) {
      send(fd, {piece.buffer, piece.offset + static_cast<std::uint32_t>(sent),
                piece.length - static_cast<std::uint32_t>(sent)});
      return;
    }
    release(piece.buffer);
    if (connection.waiting != nullptr && !connection.waiting->empty() && sent > 0) {
      const Piece following = connection.waiting->front();
      connection.waiting->pop_front();
      send(fd, following);
      return;
    }
    closeIfIdle(fd);
  }

  void closeIfIdle(int fd) {
    Connection& connection = connections_[fd];
    if (!connection.closing || connection.inFlight || connection.receiving) return;
    if (connection.waiting != nullptr) {
      for (const Piece& piece : *connection.waiting) release(piece.buffer);
      delete connection.waiting;
      connection.waiting = nullptr;
    }
    connection.closing = false;
    connection.open = false;
    ::close(fd);
  }

  int listener_;
  bool broadcasts_;
  io_uring ring_{};
  io_uring_buf_ring* buffers_ = nullptr;
  char* memory_ = nullptr;
  int returned_ = 0;
  std::uint64_t tag_ = 0;
  std::vector<int> starved_;
  std::vector<Connection> connections_;  // by fd
  std::vector<std::uint32_t> users_;     // of each buffer: sends that it waits for
};

}  // namespace

int main(int argc, char** argv) {
  namespace bench = tern::bench;
  return bench::runBenchServer(
      argc, argv, "bench_server_raw_uring", false, [](const bench::ServerArguments& arguments) {
        const int listener = bench::listenOn(arguments);
        Server server(listener, arguments.mode == bench::Mode::kBroadcast);
        bench::printReady(arguments, bench::portOf(listener), "raw io_uring");
        server.run();
      });
}
