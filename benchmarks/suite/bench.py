"""bench: measures tern beside its peers and bare loops. `./dev bench` builds all and calls this."""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from counts import run_counts
from plots import draw
from processes import Failure, pinned, SERVER_CORE
from report import markdown
from rounds import run_scenario
from scenarios import SCENARIOS
from tails import run_tails

PARTS = ("rounds", "tails", "counts", "micro")


def say(text):
    print(text, flush=True)


def machine():
    cpu = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    return {"cpus": len(os.sched_getaffinity(0)), "cpu": cpu, "kernel": platform.release()}


def run_micro(binaries, quick):
    program = binaries / "tern_micro"
    if not program.exists():
        say(f"  {program} is not built")
        return []
    command = [str(program), "--benchmark_format=json",
               f"--benchmark_min_time={0.02 if quick else 0.2}"]
    if quick:
        command.append("--benchmark_filter=-.*1000000.*")
    done = subprocess.run(pinned(SERVER_CORE, command), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"{program}: {done.stderr.strip()}")
    return [entry for entry in json.loads(done.stdout)["benchmarks"] if "error_occurred" not in entry]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binaries", type=Path, required=True, help="where the programs are")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--quick", action="store_true", help="within five minutes: fewer rounds")
    parser.add_argument("--rounds", type=int, help="rounds (default 7, quick 3)")
    parser.add_argument("--seconds", type=float, help="seconds a run (default 2, quick 0.5)")
    parser.add_argument("--only", help="only scenarios whose key begins so")
    parser.add_argument("--part", choices=PARTS, action="append",
                        help="only this part (may be repeated; default: all)")
    return parser.parse_args()


def main():
    args = arguments()
    parts = args.part or (["rounds"] if args.only else PARTS)
    rounds = args.rounds or (3 if args.quick else 7)
    seconds = args.seconds or (0.5 if args.quick else 2.0)
    args.out.mkdir(parents=True, exist_ok=True)
    results = {"machine": machine(), "rounds": rounds, "seconds": seconds, "scenarios": []}
    started = time.monotonic()
    for scenario in SCENARIOS:
        if "rounds" not in parts or (args.quick and not scenario.quick and not args.only):
            continue
        if args.only and not scenario.key.startswith(args.only):
            continue
        say(f"==> {scenario.title}")
        results["scenarios"].append(run_scenario(args.binaries, scenario, rounds, seconds, say))
    if "tails" in parts:
        say("==> p99 beside bulk streams")
        results["tails"] = run_tails(args.binaries, rounds, max(seconds, 1.0), say)
    if "counts" in parts:
        say("==> counts: system calls, instructions, sends, memory")
        results["counts"] = run_counts(args.binaries, args.quick, say)
    if "micro" in parts:
        say("==> micro benchmarks")
        results["micro"] = run_micro(args.binaries, args.quick)
    results["minutes"] = round((time.monotonic() - started) / 60, 1)
    (args.out / "results.json").write_text(json.dumps(results, indent=1))
    text = markdown(results)
    (args.out / "results.md").write_text(text + "\n")
    drawn = draw(results, args.out, say)
    say("\n" + text)
    say(f"==> {args.out}/results.json, results.md"
        + (f" and {len(drawn)} plots" if drawn else "") + f", in {results['minutes']} minutes")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"bench: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
