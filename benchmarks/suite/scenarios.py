"""scenarios: the works that are measured, the goal of each, and which figure decides."""

from dataclasses import dataclass

from servers import ALL, ASIO, LIBEVENT, LIBUV, PEERS, RAW_EPOLL, RAW_URING, TERN, TERN_EPOLL, TERN_URING


@dataclass(frozen=True)
class Goal:
    """`who` shall reach `ratio` of `whom` (of the best of them), in the scenario's figure."""

    who: object
    whom: tuple
    ratio: float


@dataclass(frozen=True)
class Scenario:
    key: str
    title: str
    mode: str
    load: dict
    figure: str = "requests_per_second"
    unit: str = "msg/s"
    more_is_better: bool = True
    goals: tuple = ()
    contenders: tuple = ALL
    plot: str = ""  # the family of the plot that it is a point of, and where on its axis
    at: int = 0
    quick: bool = True


def _echo(connections):
    return Scenario(
        f"echo-{connections}", f"echo 64 B, {connections} connections, depth 1", "raw",
        {"connections": connections, "size": 64},
        goals=(Goal(TERN_EPOLL, (RAW_EPOLL,), 0.97), Goal(TERN_URING, (RAW_URING,), 0.97),
               Goal(TERN_URING, (RAW_EPOLL,), 1.0)),
        plot="connections", at=connections)


def _framed(depth, connections=100, goals=(), quick=True):
    return Scenario(
        f"framed-{connections}-{depth}", f"framed 64 B, {connections} connections, depth {depth}",
        "framed", {"mode": "framed", "connections": connections, "size": 64, "depth": depth},
        goals=goals, plot="depth" if connections == 100 else "", at=depth, quick=quick)


def _large(size, name, mode="framed", quick=True):
    what = {"framed": "frame", "raw": "message, sent back as it comes"}[mode]
    return Scenario(
        f"large-{name}-{mode}", f"one {what}, of {size} B in flight, 10 connections", mode,
        {"mode": mode, "connections": 10, "size": size},
        goals=tuple(Goal(who, (RAW_EPOLL,), 0.97) for who in TERN), quick=quick)


_PIPELINED = tuple(
    Goal(who, whom, ratio)
    for who in TERN
    for whom, ratio in (((RAW_EPOLL,), 0.85), ((ASIO, LIBUV), 10.0), ((LIBEVENT,), 1.3)))

SCENARIOS = (
    _echo(10),
    _echo(100),
    _echo(1000),
    _framed(1, quick=False),
    _framed(4, quick=False),
    _framed(16, goals=_PIPELINED),
    _framed(64, quick=False),
    _framed(16, connections=1000, goals=_PIPELINED, quick=False),
    _large(16384, "16k"),
    _large(1000000, "1m"),
    _large(16384, "16k", "raw", quick=False),
    _large(1000000, "1m", "raw", quick=False),
    Scenario("broadcast", "broadcast of 64 B to 1,000 connections", "broadcast",
             {"broadcast": True, "connections": 1000, "size": 64}, unit="deliveries/s",
             goals=tuple(Goal(who, PEERS, 1.0) for who in TERN)),
    Scenario("accept", "connect, one echo, RST; 20 connections in flight", "raw",
             {"accept_rate": True, "connections": 20}, unit="connections/s",
             goals=(Goal(TERN_EPOLL, (RAW_EPOLL,), 0.95), Goal(TERN_URING, (RAW_URING,), 0.95))),
    Scenario("accept-cpu", "server CPU a connection (connect, one echo, RST)", "raw",
             {"accept_rate": True, "connections": 20}, figure="server_cpu_us_per_request",
             unit="µs", more_is_better=False,
             goals=tuple(Goal(who, PEERS, 1.0) for who in TERN), quick=False),
)
