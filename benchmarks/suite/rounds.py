"""rounds: runs the contenders of a scenario in turn, A B C A B C, so that noise hits all alike."""

from processes import Failure, Load, Server
from statistics_of import ratios, spread, verdict


def measure_once(binaries, contender, scenario, seconds):
    with Server(contender.command(binaries, scenario.mode)) as server:
        options = dict(scenario.load, seconds=seconds, warmup=0.3)
        return Load(binaries, server.address, options, server.pid).result()


def run_scenario(binaries, scenario, rounds, seconds, say):
    """The figures of each contender, round by round, and how the goals stand."""
    samples = {contender.name: [] for contender in scenario.contenders}
    details = {}
    for number in range(rounds):
        for contender in scenario.contenders:
            if contender.name not in samples:
                continue
            try:
                result = measure_once(binaries, contender, scenario, seconds)
            except Failure as failure:
                say(f"  {contender.name}: {failure}")
                del samples[contender.name]  # without all rounds it can't be compared
                continue
            samples[contender.name].append(result[scenario.figure])
            details[contender.name] = {
                key: result[key] for key in ("latency_us", "server_cpu_us_per_request",
                                             "client_cpu_seconds", "seconds")}
        say(f"  round {number + 1} of {rounds}")
    goals = []
    for goal in scenario.goals:
        whom = [samples[other.name] for other in goal.whom if other.name in samples]
        if goal.who.name not in samples or not whom:
            continue
        ratio = ratios(samples[goal.who.name], whom, scenario.more_is_better)
        goals.append({"who": goal.who.name, "whom": [other.name for other in goal.whom],
                      "goal": goal.ratio, "ratio": ratio, "verdict": verdict(ratio, goal.ratio)})
    return {
        "key": scenario.key, "title": scenario.title, "unit": scenario.unit,
        "more_is_better": scenario.more_is_better, "plot": scenario.plot, "at": scenario.at,
        "figures": {name: dict(spread(values), rounds=values) for name, values in samples.items()},
        "last_round": details, "goals": goals,
    }
