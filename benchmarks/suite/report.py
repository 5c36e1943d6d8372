"""report: the results as Markdown."""


def _number(value):
    if value is None:
        return "–"
    if value >= 1e6:
        return f"{value / 1e6:.2f} M"
    if value >= 1e4:
        return f"{value / 1e3:.0f} k"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def _spread(value):
    return f"{_number(value['median'])} ({_number(value['min'])}–{_number(value['max'])})"


def _ratio(value):
    return f"{value['median']:.2f} ({value['min']:.2f}–{value['max']:.2f})"


def _table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return lines + [""]


def _noise(scenarios):
    """How far the figures of one contender in one scenario lay apart."""
    each = [figure["max"] / figure["min"]
            for scenario in scenarios for figure in scenario["figures"].values() if figure["min"] > 0]
    return max(each, default=1.0), sorted(each)[len(each) // 2] if each else 1.0


def markdown(results):
    machine = results["machine"]
    lines = ["# Results", "",
             f"{machine['cpus']} CPUs ({machine['cpu']}), Linux {machine['kernel']}, "
             f"{results['rounds']} interleaved rounds of {results['seconds']} s; "
             "median (min–max). Server and client each had a core of their own.", ""]
    if results["scenarios"]:
        worst, typical = _noise(results["scenarios"])
        lines += [f"**Noise.** One contender's rounds of one work lay apart by a factor of "
                  f"{typical:.2f} (median) and at most {worst:.2f}. "
                  "A goal counts as met or missed only if all rounds agree.", ""]
    for scenario in results["scenarios"]:
        lines += [f"## {scenario['title']}", ""]
        first = next(iter(scenario["figures"].values()), None)
        base = scenario["figures"].get("raw epoll", first)
        rows = []
        for name, figure in scenario["figures"].items():
            last = scenario["last_round"][name]
            p99 = last["latency_us"]["p99"]
            rows.append([name, _spread(figure), f"{figure['median'] / base['median']:.2f}",
                         _number(last["server_cpu_us_per_request"]), _number(p99)])
        lines += _table(["", scenario["unit"], "to raw epoll", "server CPU µs each", "p99 µs"], rows)
        if scenario["goals"]:
            lines += _table(["goal", "", "ratio", ""], [
                [f"{goal['who']} to {' and '.join(goal['whom'])}", f"≥ {goal['goal']}",
                 _ratio(goal["ratio"]), goal["verdict"]] for goal in scenario["goals"]])
    if results.get("tails"):
        lines += ["## p99 of 64 B at half the saturation rate, in µs", ""]
        lines += _table(
            ["", "alone", "beside 4 bulk streams", "ratio (goal: ≤ 2)", "MB/s of the streams"], [
            [name, _spread(row["alone"]), _spread(row["beside bulk"]), _ratio(row["ratio"]),
             _spread(row["bulk MB/s"])]
            for name, row in results["tails"].items()])
    if results.get("counts"):
        names = list(next(iter(results["counts"].values())))
        for column in results["counts"].values():
            names += [name for name in column if name not in names]
        lines += ["## Counts, which do not depend on the machine's mood", ""]
        lines += _table(["", *results["counts"]], [
            [name, *(_number(column.get(name)) for column in results["counts"].values())]
            for name in names])
    if results.get("micro"):
        lines += ["## Micro benchmarks", ""]
        lines += _table(["", "time", "items/s"], [
            [entry["name"], f"{_number(entry['real_time'])} {entry['time_unit']}",
             _number(entry.get("items_per_second"))] for entry in results["micro"]])
    return "\n".join(lines)
