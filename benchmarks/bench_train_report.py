"""What was measured by bench-train, as ratios and as tables for people.

Speed is measured as ``{"lstm_64": {"ours": [figures, ...], "keras_layers": [...], ...}, "lstm_128": ...}``, time to
accuracy as ``{"ours": [figures, ...], "keras": [...], "torch": [...]}``: figures of one process each, see
``train_setup.report_speed`` and ``report_accuracy``.
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

Runs = Sequence[Mapping[str, Any]]
Measured = Mapping[str, Mapping[str, Runs]]

# Ratios, peer / ours in seconds: above 1 we are quicker. Tracing may take twice as long as that of Keras layers.
BARS = {
    "keras_layers": 1.6,
    "hand_loop": 1.2,
    "torch": 1.3,
    "tracing_ratio": 0.5,
    "lstm_128": 1.0,
    "lstm_256": 1.0,
    "gru_64": 1.0,
    "gru_128": 1.0,
    "gru_256": 1.0,
    "time_to_accuracy_keras": 3.0,
    "time_to_accuracy_torch": 3.0,
}
NAMES = {
    "ours": "glovebeam",
    "keras_layers": "Keras layers",
    "hand_loop": "hand loop over Keras cells",
    "torch": "torch nn.LSTM",
}
NETWORKS = {
    "ours": "glovebeam, preset default",
    "keras": "notebook's network, Keras",
    "torch": "notebook's network, torch",
}
EXPLANATIONS = {
    "keras_layers": "two LSTM(64): a step of Keras layers",
    "hand_loop": "two LSTM(64): a step of the hand loop",
    "torch": "two LSTM(64): a step of torch",
    "tracing_ratio": "two LSTM(64): tracing of Keras layers",
    "start_ratio": "two LSTM(64): building and tracing of Keras layers",
    "time_to_accuracy_keras": "time to accuracy of the notebook's network in Keras",
    "time_to_accuracy_torch": "time to accuracy of the notebook's network in torch",
}


def ratios(speed: Measured, accuracy: Mapping[str, Runs]) -> dict[str, float]:
    """Medians of the peers' times over medians of ours, of whatever was measured."""
    found = {}
    if main := speed.get("lstm_64"):
        found = {peer: _rate(main["ours"]) / _rate(runs) for peer, runs in main.items() if peer != "ours"}
        keras = main["keras_layers"]
        found["tracing_ratio"] = _tracing(keras) / _tracing(main["ours"])
        found["start_ratio"] = _start(keras) / _start(main["ours"])
    for size, measured in speed.items():
        if size != "lstm_64":
            found[size] = _rate(measured["ours"]) / _rate(measured["keras_layers"])
    for peer, runs in accuracy.items():
        if peer != "ours":
            found[f"time_to_accuracy_{peer}"] = _time_to_accuracy(accuracy["ours"], runs)
    return {name: round(ratio, 3) for name, ratio in found.items()}


def speed_lines(speed: Measured) -> list[str]:
    """A table for each size."""
    lines = []
    for size, measured in speed.items():
        cell, units = size.split("_")
        processes = min(len(runs) for runs in measured.values())
        head = f"two {cell.upper()}({units}), batches of 128 x 80; medians of {processes} processes each"
        lines += [head, f"  {'':28}{'examples/s':>10}  {'least - most':>15}  {'tracing':>8}  {'build':>7}  losses"]
        for competitor, runs in measured.items():
            rates = [its["examples_per_second"] for its in runs]
            spread = f"{min(rates):,.0f} - {max(rates):,.0f}"
            lines.append(
                f"  {NAMES.get(competitor, competitor):28}{median(rates):10,.0f}  {spread:>15}  "
                f"{_tracing(runs):6.1f} s  {_median(runs, 'build_seconds'):5.1f} s  "
                f"first {runs[0]['first_loss']:.5f}, mean {runs[0]['mean_loss']:.5f}"
            )
        lines.append("")
    return lines


def accuracy_lines(accuracy: Mapping[str, Runs]) -> list[str]:
    """A line for each run: when it reached the target, or the best it came to in all its epochs."""
    if not accuracy:
        return []
    lines = ["seconds of training until 0.85 on the validation split, validation after each epoch included"]
    for competitor, runs in accuracy.items():
        for seed, its in enumerate(runs):
            best = max(epoch["val_accuracy"] for epoch in its["epochs"])
            result = f"{'reached in' if its['reached'] else 'NEVER in'} {its['seconds']:6.1f} s"
            epochs = f"{len(its['epochs']):2} epochs trained, best {best:.4f}"
            lines.append(f"  {NETWORKS[competitor]:28}seed {seed}  {result:>19}, {epochs}")
    return [*lines, ""]


def ratio_lines(found: Mapping[str, float]) -> list[str]:
    """Each ratio beside its bar."""
    lines = ["the peer's time / our time (above 1 we are quicker), and the bar"]
    for name, ratio in found.items():
        bar = BARS.get(name)
        verdict = "" if bar is None else f"{bar:5.1f}  {'met' if ratio >= bar else 'MISSED'}"
        explanation = EXPLANATIONS.get(name, "a step of Keras layers")
        lines.append(f"  {name:24}{ratio:6.2f}  {verdict:15}{explanation}")
    return lines


def _median(runs: Runs, name: str) -> float:
    return median(its[name] for its in runs)


def _rate(runs: Runs) -> float:
    return _median(runs, "examples_per_second")


def _tracing(runs: Runs) -> float:
    return _median(runs, "tracing_seconds")


def _start(runs: Runs) -> float:
    return median(its["build_seconds"] + its["tracing_seconds"] for its in runs)


def _time_to_accuracy(ours: Runs, peer: Runs) -> float:
    """0 where more than half of our runs never got there; a peer's run that never does counts as its whole length."""
    if 2 * sum(its["reached"] for its in ours) <= len(ours):
        return 0.0
    return _median(peer, "seconds") / median(its["seconds"] if its["reached"] else float("inf") for its in ours)
