"""counts: figures that do not depend on how busy the machine is: calls, instructions, memory."""

import re
import shutil
import tempfile
from pathlib import Path

from processes import Failure, Load, Server
from servers import RAW_EPOLL, RAW_URING, PEERS, TERN, TERN_POLL

# What starting and ending a program costs, measured by the same run with few messages.
_FEW = 0.2
_MANY = 1.2


def _under(wrapper, binaries, contender, mode, options):
    """One run of the server under a tool; the load's result, and what the tool wrote."""
    with Server(contender.command(binaries, mode), wrapper=wrapper, patience=60) as server:
        result = Load(binaries, server.address, options).result()
        # A server that sleeps in a system call is told of its end only when that returns.
        _wake(server.address)
        return result, server.stop()


def _wake(address):
    import socket
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        pass


_ON_THE_WAY = ("recvfrom", "recvmsg", "read", "readv", "sendto", "sendmsg", "write", "writev",
               "epoll_wait", "epoll_pwait", "epoll_ctl", "poll", "ppoll", "io_uring_enter")


def _slope(count):
    """What a message adds: between a short and a long run, both of which start and end alike."""
    few, few_messages = count(_FEW)
    many, many_messages = count(_MANY)
    return (many - few) / (many_messages - few_messages)


def _messages(result, mode):
    return result["verified_bytes"] / (result["size"] + (4 if mode == "framed" else 0))


def syscalls_a_message(binaries, contender, mode="raw", depth=1):
    """Counted by strace, which makes the server slow, not its count different."""
    def count(seconds):
        with tempfile.NamedTemporaryFile("r", suffix=".strace") as table:
            wrapper = ["strace", "-f", "-c", "-U", "name,calls", "-o", table.name]
            options = {"mode": mode, "connections": 100, "size": 64, "depth": depth,
                       "seconds": seconds, "warmup": 0}
            result, _ = _under(wrapper, binaries, contender, mode, options)
            calls = dict(re.findall(r"^\s*(\w+)\s+(\d+)\s*$", table.read(), re.MULTILINE))
        return sum(int(calls.get(name, 0)) for name in _ON_THE_WAY), _messages(result, mode)

    return _slope(count)


def instructions_a_message(binaries, contender, mode, depth):
    """User-space instructions, by callgrind."""
    def count(seconds):
        with tempfile.TemporaryDirectory() as folder:
            wrapper = ["valgrind", "--tool=callgrind",
                       f"--callgrind-out-file={Path(folder) / 'out'}"]
            options = {"mode": mode, "connections": 100, "size": 64, "depth": depth,
                       "seconds": seconds, "warmup": 0}
            result, errors = _under(wrapper, binaries, contender, mode, options)
        found = re.search(r"Collected : (\d+)", errors)
        if not found:
            raise Failure(f"callgrind said nothing about {contender.name}")
        return int(found[1]), _messages(result, mode)

    return _slope(count)


def sends_a_reply(binaries, contender):
    """Pieces that reach the client: also of a server whose sends are no system calls."""
    options = {"mode": "framed", "connections": 100, "size": 64, "depth": 16,
               "seconds": _FEW, "warmup": 0}
    with Server(contender.command(binaries, "framed")) as server:
        result = Load(binaries, server.address, options).result()
    return result["segments_received"] / _messages(result, "framed")


def resident_bytes_a_connection(binaries, contender, connections):
    with Server(contender.command(binaries, "raw")) as server:
        options = {"idle": True, "connections": connections, "size": 64, "seconds": 0.5}
        result = Load(binaries, server.address, options, server.pid).result()
    return result["rss_bytes_per_connection"]


def _try(say, what, measure):
    try:
        return measure()
    except Failure as failure:
        say(f"  {what}: {failure}")
        return None


def run_counts(binaries, quick, say):
    """By figure, then by contender."""
    contenders = (RAW_EPOLL, RAW_URING, *TERN, TERN_POLL, *PEERS)
    table = {"syscalls a message, depth 1": {}, "instructions a message, framed, depth 1": {},
             "instructions a message, framed, depth 16": {},
             "sends a reply, framed, depth 16": {},
             "resident bytes an idle connection": {}}
    strace, valgrind = shutil.which("strace"), shutil.which("valgrind")
    for contender in contenders:
        say(f"  {contender.name}")
        if strace:
            table["syscalls a message, depth 1"][contender.name] = _try(
                say, "strace", lambda c=contender: syscalls_a_message(binaries, c))
        # The bare io_uring loop has no way to end but by a signal, which valgrind holds back.
        if valgrind and contender is not RAW_URING and (contender in TERN or not quick):
            for depth in (1, 16):
                table[f"instructions a message, framed, depth {depth}"][contender.name] = _try(
                    say, "callgrind",
                    lambda c=contender, d=depth: instructions_a_message(binaries, c, "framed", d))
        table["sends a reply, framed, depth 16"][contender.name] = _try(
            say, "sends", lambda c=contender: sends_a_reply(binaries, c))
        table["resident bytes an idle connection"][contender.name] = _try(
            say, "idle connections",
            lambda c=contender: resident_bytes_a_connection(binaries, c, 2000 if quick else 9000))
    return table
