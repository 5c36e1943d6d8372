"""servers: what is compared, and what each is compared with."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Contender:
    name: str
    binary: str
    options: tuple = field(default=())

    def command(self, binaries, mode):
        return [str(binaries / self.binary), "--mode", mode, *self.options]


TERN_EPOLL = Contender("tern epoll", "bench_server_tern", ("--poller", "epoll"))
TERN_URING = Contender("tern io_uring", "bench_server_tern", ("--poller", "io_uring"))
TERN_POLL = Contender("tern poll", "bench_server_tern", ("--poller", "poll"))
RAW_EPOLL = Contender("raw epoll", "bench_server_raw_epoll")
RAW_URING = Contender("raw io_uring", "bench_server_raw_uring")
LIBEVENT = Contender("libevent", "bench_server_libevent")
LIBUV = Contender("libuv", "bench_server_libuv")
ASIO = Contender("Asio", "bench_server_asio")

TERN = (TERN_EPOLL, TERN_URING)
PEERS = (LIBEVENT, LIBUV, ASIO)
ALL = (RAW_EPOLL, RAW_URING, *TERN, TERN_POLL, *PEERS)
