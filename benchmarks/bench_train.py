"""Training speed and time to accuracy, beside what a user would otherwise pick: ``make bench-train``.

Every measurement is a process of its own; the competitors take turns, and each round begins with another one. Prints
tables, and writes everything measured to ``build/bench-train.json``. What is compared, and why that is fair:
``benchmarks/README.md``.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench_train_report import BARS, accuracy_lines, ratio_lines, ratios, speed_lines

FOLDER = Path(__file__).parent
ROOT = Path("build/bench-train")  # a root of glovebeam, and data.npz
OURS, KERAS_LAYERS, HAND_LOOP, TORCH = "ours", "keras_layers", "hand_loop", "torch"
MAIN = ("lstm", 64)
OTHERS = (("lstm", 128), ("lstm", 256), ("gru", 64), ("gru", 128), ("gru", 256))
ENVIRONMENT = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}

Commands = dict[str, list[str]]  # competitor -> what to run
Figures = dict[str, Any]
Measured = dict[str, dict[str, list[Figures]]]  # what -> competitor -> one a process


def parsed_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch-python", required=True, help="the Python of an environment that has torch")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each competitor, speed; 0 leaves it out")
    parser.add_argument("--steps", type=int, default=100, help="of each of them, at 64 units; else a fifth")
    parser.add_argument("--accuracy-rounds", type=int, default=5, help="at most, time to accuracy; 0 leaves it out")
    parser.add_argument("--accuracy-minutes", type=float, default=18, help="no further round that would end later")
    parser.add_argument("--vectors", default="package", help="embed.source of ours and of the peers")
    parser.add_argument("--settings", action="store_true", help="only compare settings of the peers, print and end")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a bar is missed")
    parser.add_argument("--output", type=Path, default=Path("build/bench-train.json"))
    return parser.parse_args()


def main() -> None:
    """Measure, print, write."""
    arguments = parsed_arguments()
    started = time.perf_counter()
    machine = describe_machine()
    print(", ".join(f"{name} {value}" for name, value in machine.items()), flush=True)
    prepare(arguments.vectors)
    if arguments.settings:
        print("\n".join(["", *speed_lines(measure_speed(arguments.rounds, settings_commands(arguments)))]))
        return
    speed = measure_speed(arguments.rounds, speed_commands(arguments))
    accuracy = measure_accuracy(arguments)
    found = ratios(speed, accuracy)
    print("\n".join(["", *speed_lines(speed), *accuracy_lines(accuracy), *ratio_lines(found)]))
    print(f"\n{(time.perf_counter() - started) / 60:.0f} minutes; everything measured: {arguments.output}")
    bars = {name: bar for name, bar in BARS.items() if name in found}
    measured = {"ratios": found, "bars": bars, "machine": machine, "speed": speed, "time_to_accuracy": accuracy}
    arguments.output.write_text(json.dumps(measured, indent=1) + "\n")
    missed = [name for name, bar in bars.items() if found[name] < bar]
    if arguments.check and missed:
        sys.exit(f"below the bar: {', '.join(missed)}")


def describe_machine() -> Figures:
    """What the figures depend on; from here on, this process and its children have two cores."""
    load = os.getloadavg()[0]
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    processor = models[0].partition(": ")[2] if models else "unknown"
    return {"processor": processor, "cores": len(os.sched_getaffinity(0)), "load before": round(load, 2)}


def prepare(vectors: str) -> None:
    """The sample through our own pipeline, then as one file that all competitors read."""
    glovebeam = Path(sys.executable).with_name("glovebeam")
    run([str(glovebeam), "run", "--root", str(ROOT), "--set", f"embed.source={vectors}", "--to", "encode"])
    run(_script("train_data.py", ROOT))


def speed_commands(arguments: argparse.Namespace) -> dict[str, Commands]:
    """Every competitor at two LSTM(64), ours and Keras layers at the other sizes."""
    commands: dict[str, Commands] = {}
    for cell, units in (MAIN, *OTHERS):
        is_main = (cell, units) == MAIN
        steps = arguments.steps if is_main else max(arguments.steps // 5, 1)
        options = [ROOT / "data.npz", "--units", units, "--steps", steps]
        commands[f"{cell}_{units}"] = {
            competitor: _script("train_speed_tensorflow.py", competitor, *options, "--cell", cell)
            for competitor in (OURS, KERAS_LAYERS, HAND_LOOP)[: 3 if is_main else 2]
        }
        if is_main:
            torch = _script("train_speed_torch.py", *options, python=arguments.torch_python)
            commands[f"{cell}_{units}"][TORCH] = torch
    return commands


def settings_commands(arguments: argparse.Namespace) -> dict[str, Commands]:
    """The peers at two LSTM(64) with what else one might set."""
    options = [ROOT / "data.npz", "--steps", arguments.steps]
    tensorflow = [(KERAS_LAYERS, other) for other in ("", "--jit-compile", "--unroll", "--threads 1")]
    tensorflow += [(HAND_LOOP, ""), (HAND_LOOP, "--threads 1")]
    commands = {
        f"{peer} {other}".strip(): _script("train_speed_tensorflow.py", peer, *options, *other.split())
        for peer, other in tensorflow
    }
    for other in ("", "--threads 1", "--compile"):
        command = _script("train_speed_torch.py", *options, *other.split(), python=arguments.torch_python)
        commands[f"{TORCH} {other}".strip()] = command
    return {"lstm_64": commands}


def measure_speed(rounds: int, commands: dict[str, Commands]) -> Measured:
    """Rounds over all sizes, and over the competitors at each of them."""
    measured: Measured = {}
    for number in range(rounds):
        for size, competitors in commands.items():
            at = measured.setdefault(size, {})
            for competitor in _rotated(list(competitors), number):
                figures = run(competitors[competitor])
                at.setdefault(competitor, []).append(figures)
                rate = f"{figures['examples_per_second']:,.0f} examples/s"
                print(f"round {number + 1}/{rounds}, {size}, {competitor}: {rate}", flush=True)
            check_same_network(at)
    return measured


def check_same_network(measured: dict[str, list[Figures]]) -> None:
    """Stop unless all competitors had the same loss at the first step, from the same weights, on the same batch."""
    losses = {competitor: runs[-1]["first_loss"] for competitor, runs in measured.items()}
    if max(losses.values()) - min(losses.values()) > 1e-4:
        sys.exit(f"The competitors do not train the same network: losses at the first step {losses}")


def measure_accuracy(arguments: argparse.Namespace) -> dict[str, list[Figures]]:
    """Rounds over three competitors, a seed each, as long as the time allows."""
    measured: dict[str, list[Figures]] = {}
    started, longest = time.perf_counter(), 0.0
    for seed in range(arguments.accuracy_rounds):
        round_started = time.perf_counter()
        if seed and round_started - started + longest > 60 * arguments.accuracy_minutes:
            break
        data, options = ROOT / "data.npz", ("--seed", seed)
        commands = {
            OURS: _script("time_to_accuracy_default.py", ROOT, *options),
            "keras": _script("time_to_accuracy_keras.py", data, *options),
            TORCH: _script("time_to_accuracy_torch.py", data, *options, python=arguments.torch_python),
        }
        for competitor in _rotated(list(commands), seed):
            figures = run(commands[competitor])
            measured.setdefault(competitor, []).append(figures)
            result = "reached" if figures["reached"] else "never reached"
            print(f"seed {seed}, {competitor}: target {result}, {figures['seconds']:.1f} s", flush=True)
        longest = max(longest, time.perf_counter() - round_started)
    return measured


def run(command: Sequence[str]) -> Figures:
    """Run a process; the JSON on its last line of output, nothing where there is none. Stops where it fails."""
    process = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if process.returncode:
        sys.exit(f"{' '.join(command)}: exit code {process.returncode}\n{process.stderr[-3000:]}")
    last = (process.stdout.splitlines() or [""])[-1]
    return json.loads(last) if last.startswith("{") else {}


def _script(name: str, *arguments: object, python: str = sys.executable) -> list[str]:
    return [python, str(FOLDER / name), *map(str, arguments)]


def _rotated(names: Sequence[str], number: int) -> Iterable[str]:
    """All names, beginning with another one each time."""
    first = number % len(names)
    return [*names[first:], *names[:first]]


if __name__ == "__main__":
    main()
