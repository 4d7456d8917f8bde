"""What was measured by bench-data, as ratios and as tables for people.

Measured is ``{"25000": {"ours": [figures, ...], "keras": [...], ...}, "100000": {"ours": [...]}, ...}``: by number of
reviews and competitor, the figures of one process each (``measured_process.Usage``, framework and job_seconds).
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

Figures = Mapping[str, Any]
Runs = Sequence[Figures]
Measured = Mapping[str, Mapping[str, Runs]]
Ratios = dict[str, dict[str, float]]

WARM_UP = "2000"  # reviews of the first process of each competitor, which counts nowhere
SMALL, BASE, MIDDLE, LARGE = "25000", "100000", "400000", "1600000"
GIGABYTE = 1e9

# Ratios, peer / ours: above 1 we are quicker, or smaller.
BARS: Ratios = {
    "tf_transform": {SMALL: 6.0},
    "tf_transform_job": {MIDDLE: 10.0},
    "keras": {SMALL: 1.0, MIDDLE: 3.0},
    "huggingface": {SMALL: 1.0, MIDDLE: 3.0},
    "notebook": {SMALL: 1.0, MIDDLE: 3.0},
    "floor": {MIDDLE: 0.25},
    "time_growth": {LARGE: 1 / 1.15},
    "memory_growth": {LARGE: 1 / 1.3},
    "gigabyte": {LARGE: 1.0},
}
NAMES = {
    "ours": "glovebeam",
    "ours_glove": "glovebeam, glove tokenizer",
    "tf_transform": "tf.Transform",
    "keras": "Keras TextVectorization",
    "huggingface": "Hugging Face",
    "notebook": "notebook, Keras Tokenizer",
    "python": "plain Python",
    "floor": "bare Arrow kernels",
}
EXPLANATIONS = {
    "tf_transform_job": "tf.Transform without its imports, ours with",
    "time_growth": "time a row at 100,000 reviews / that here",
    "memory_growth": "peak memory at 100,000 reviews / that here",
    "gigabyte": "1 GB / peak memory",
}


def ratios(measured: Measured) -> Ratios:
    """Medians of the peers over medians of ours, by name and number of reviews, of whatever was measured."""
    found: Ratios = {}
    for size, competitors in measured.items():
        if size == WARM_UP or not competitors.get("ours"):
            continue
        ours = competitors["ours"]
        for competitor, runs in competitors.items():
            if competitor != "ours" and runs:
                found.setdefault(competitor, {})[size] = _quotient(runs, ours, "wall_seconds")
        if peer := competitors.get("tf_transform"):
            found.setdefault("tf_transform_job", {})[size] = _quotient(peer, ours, "job_seconds")
        found.setdefault("gigabyte", {})[size] = round(GIGABYTE / _median(ours, "peak_bytes"), 3)
        if base := measured.get(BASE, {}).get("ours"):
            growth = int(size) / int(BASE)
            found.setdefault("time_growth", {})[size] = round(growth * _quotient(base, ours, "wall_seconds"), 3)
            found.setdefault("memory_growth", {})[size] = _quotient(base, ours, "peak_bytes")
    return found


def speed_lines(results: Figures) -> list[str]:
    """A table for each number of reviews that peers were measured at."""
    lines = []
    for size, competitors in results["measured"].items():
        measured = {competitor: runs for competitor, runs in competitors.items() if runs}
        if size == WARM_UP or len(measured) < 2:
            continue
        megabytes = results["bytes"][size] / 1e6
        processes = min(map(len, measured.values()))
        lines += [f"{int(size):,} reviews, {megabytes:,.0f} MB; medians of {processes} processes each"]
        lines += [
            f"  {'':28}{'wall':>8}  {'least - most':>15}  {'job':>8}  {'CPU':>8}  {'memory':>8}  {'rows/s':>8}"
            f"  {'MB/s':>6}  vocabulary, rows as ours"
        ]
        for competitor, runs in measured.items():
            agreement = results["agreement"].get(size, {}).get(competitor)
            lines.append(f"{_speed_line(competitor, runs, int(size), megabytes)}  {_agreement(agreement)}")
        lines.append("")
    return lines + [
        f"FAILED: {its['competitor']}, {its['reviews']:,} reviews: {its['reason'].splitlines()[-1]}"
        for its in results["failed"]
    ]


def _speed_line(competitor: str, runs: Runs, rows: int, megabytes: float) -> str:
    walls = [its["wall_seconds"] for its in runs]
    wall = median(walls)
    spread = f"{min(walls):,.1f} - {max(walls):,.1f}"
    return (
        f"  {NAMES[competitor]:28}{wall:6,.1f} s  {spread:>15}  {_median(runs, 'job_seconds'):6,.1f} s  "
        f"{_median(runs, 'cpu_seconds'):6,.1f} s  {_median(runs, 'peak_bytes') / GIGABYTE:5.2f} GB  "
        f"{rows / wall:8,.0f}  {megabytes / wall:6.1f}"
    )


def _agreement(found: Figures | None) -> str:
    return f"{found['vocabulary']:.1%}, {found['equal_rows']:.1%}" if found else ""


def growth_lines(results: Figures) -> list[str]:
    """Ours by number of reviews: time a row and peak memory."""
    lines = ["growth of ours", f"  {'reviews':>10}  {'text':>8}  {'wall':>8}  {'time a row':>10}  {'memory':>8}"]
    sizes = sorted(int(size) for size, found in results["measured"].items() if size != WARM_UP and found.get("ours"))
    for rows in sizes:
        runs = results["measured"][str(rows)]["ours"]
        wall, peak = _median(runs, "wall_seconds"), _median(runs, "peak_bytes") / GIGABYTE
        megabytes = results["bytes"][str(rows)] / 1e6
        lines.append(
            f"  {rows:10,}  {megabytes:5,.0f} MB  {wall:6,.1f} s  {wall / rows * 1e6:7,.1f} µs  {peak:5.2f} GB"
        )
    return [*lines, ""] if sizes else []


def ratio_lines(results: Figures) -> list[str]:
    """Each peer's ratios, small sizes first, beside their bars; of growth, where there is a bar."""
    lines = ["the peer's time / our time (above 1 we are quicker), and the bar"]
    for name, found in results["ratios"].items():
        for size, ratio in sorted(found.items(), key=lambda pair: int(pair[0])):
            bar = BARS.get(name, {}).get(size)
            if bar is None and LARGE in BARS.get(name, {}):
                continue
            verdict = "" if bar is None else f"{bar:5.2f}  {'met' if ratio >= bar else 'MISSED'}"
            explanation = EXPLANATIONS.get(name, NAMES.get(name, ""))
            lines.append(f"  {name:18}{int(size):10,}{ratio:8.2f}  {verdict:15}{explanation}")
    return lines


def _quotient(numerator: Runs, denominator: Runs, name: str) -> float:
    return round(_median(numerator, name) / _median(denominator, name), 3)


def _median(runs: Runs, name: str) -> float:
    return median(its[name] for its in runs)
