"""processes: starts the measured servers and the load client, each on a core of its own."""

import json
import os
import re
import selectors
import shutil
import signal
import subprocess
from pathlib import Path

SERVER_CORE = "0"
CLIENT_CORE = "1"


class Failure(Exception):
    """A run that gave no figure; says which program, and what it printed."""


def pinned(core, command):
    """The command on one core, where the machine has two and lets us choose."""
    if shutil.which("taskset") and len(os.sched_getaffinity(0)) >= 2:
        return ["taskset", "-c", core, *command]
    return command


def _read_line(stream, seconds):
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        return stream.readline() if selector.select(seconds) else ""


class Server:
    """A running server; ends with the `with` block."""

    def __init__(self, command, wrapper=(), patience=10):
        self._command = command
        self._process = subprocess.Popen(
            [*wrapper, *command] if wrapper else pinned(SERVER_CORE, command),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        ready = _read_line(self._process.stdout, patience)
        found = re.match(r"listening on (.*):(\d+) \(", ready)
        if not found:
            errors = self.stop()
            raise Failure(f"{' '.join(command)}: not ready: {ready.strip()} {errors.strip()}")
        self.address = f"{found[1]}:{found[2]}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self._process.pid

    def stop(self):
        """Asks it to end, then makes it. Returns what it wrote to standard error."""
        # The whole group: a tool that watches the server would end alone, and leave it behind.
        self._signal(signal.SIGTERM)
        try:
            return self._process.communicate(timeout=5)[1]
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            return self._process.communicate()[1]

    def _signal(self, number):
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)


def of_leftovers(command):
    """The command on the server's core, whenever the server has nothing to do."""
    idle = ["chrt", "--idle", "0"] if shutil.which("chrt") else []
    return pinned(SERVER_CORE, [*idle, *command])


class Load:
    """tern-load under way; result() waits for it. `leftovers`: see of_leftovers()."""

    def __init__(self, binaries: Path, address, options, server_pid=None, leftovers=False):
        command = [str(binaries / "tern-load"), "--connect", address, "--json", "-"]
        for name, value in options.items():
            command.append("--" + name.replace("_", "-"))
            if value is not True:
                command.append(str(value))
        if server_pid is not None:
            command += ["--server-pid", str(server_pid)]
        self._command = command
        placed = of_leftovers(command) if leftovers else pinned(CLIENT_CORE, command)
        self._process = subprocess.Popen(placed, text=True,
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def result(self, patience=120):
        try:
            output, errors = self._process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise Failure(f"{' '.join(self._command)}: no end within {patience} s") from None
        if self._process.returncode != 0:
            raise Failure(f"{' '.join(self._command)}: {errors.strip() or self._process.returncode}")
        return json.loads(output)

    def interrupt(self):
        self._process.send_signal(signal.SIGINT)
