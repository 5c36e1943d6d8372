"""plots: throughput and p99 against connections and against depth, as SVG, by gnuplot."""

import shutil
import subprocess

_AXES = {"connections": "connections", "depth": "messages written at once"}


def _series(scenarios, family, figure):
    """By contender: the points of the family's axis."""
    lines = {}
    for scenario in scenarios:
        if scenario["plot"] != family:
            continue
        for name in scenario["figures"]:
            value = figure(scenario, name)
            if value is not None:
                lines.setdefault(name, []).append((scenario["at"], value))
    return {name: points for name, points in lines.items() if len(points) > 1}


def _plot(path, title, axis, unit, series):
    script = [f"set terminal svg size 800,500 background rgb 'white'; set output '{path}'",
              f"set title '{title}'; set xlabel '{axis}'; set ylabel '{unit}'",
              "set logscale x; set key outside right; set grid; set yrange [0:*]"]
    blocks = []
    for number, (name, points) in enumerate(series.items()):
        blocks.append(f"$d{number} << end\n" + "\n".join(f"{x} {y}" for x, y in sorted(points))
                      + "\nend")
    curves = ", ".join(f"$d{number} with linespoints lw 2 title '{name}'"
                       for number, name in enumerate(series))
    subprocess.run(["gnuplot"], input="\n".join([*blocks, *script, f"plot {curves}"]), text=True,
                   check=True)


def draw(results, folder, say):
    if shutil.which("gnuplot") is None:
        say("no plots: gnuplot is not installed")
        return []
    figures = {
        "throughput": ("messages a second",
                       lambda scenario, name: scenario["figures"][name]["median"]),
        "p99": ("p99 in µs",
                lambda scenario, name: scenario["last_round"][name]["latency_us"]["p99"]),
    }
    drawn = []
    for family, axis in _AXES.items():
        for key, (unit, figure) in figures.items():
            series = _series(results["scenarios"], family, figure)
            if series:
                path = folder / f"{key}-against-{family}.svg"
                _plot(path, f"{unit} against {axis}", axis, unit, series)
                drawn.append(path)
    return drawn
