"""tails: p99 of small requests at half the saturation rate, alone and beside four bulk streams.

On two cores the peers of the bulk streams can have none of their own. On the client's they would
keep the client that is to measure waiting; so they run on the server's, at idle priority: they take
what the server leaves, and are gone as soon as it has something to do.
"""

from processes import Load, Server
from servers import RAW_EPOLL, RAW_URING, TERN
from statistics_of import spread

_SMALL = {"connections": 20, "size": 64}


def _p99(binaries, address, rate, seconds):
    options = dict(_SMALL, rate=rate, seconds=seconds, warmup=0.3)
    return Load(binaries, address, options).result()["latency_us"]["p99"]


def run_tails(binaries, rounds, seconds, say):
    """p99 in µs without and with the bulk streams, and their ratio, round by round."""
    contenders = (RAW_EPOLL, RAW_URING, *TERN)
    samples = {contender.name: {"alone": [], "beside bulk": [], "ratio": [], "bulk MB/s": []}
               for contender in contenders}
    for number in range(rounds):
        for contender in contenders:
            with Server(contender.command(binaries, "raw")) as server:
                saturated = Load(binaries, server.address,
                                 dict(_SMALL, seconds=0.5, warmup=0.2)).result()
                rate = int(saturated["requests_per_second"] / 2)
                alone = _p99(binaries, server.address, rate, seconds)
                bulk = Load(binaries, server.address,
                            {"bulk": True, "connections": 4, "seconds": seconds + 2, "warmup": 0},
                            leftovers=True)
                beside = _p99(binaries, server.address, rate, seconds)
                bulk.interrupt()
                bytes_per_second = bulk.result()["bytes_per_second"]
            row = samples[contender.name]
            row["alone"].append(alone)
            row["beside bulk"].append(beside)
            row["ratio"].append(beside / alone)
            row["bulk MB/s"].append(bytes_per_second / 1e6)
        say(f"  round {number + 1} of {rounds}")
    return {name: {key: dict(spread(values), rounds=values) for key, values in row.items()}
            for name, row in samples.items()}
