"""What came out of a run, in lines for people."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.evaluation.floor import VARIANTS
from pipeline.execution.root import DEFAULT_ROOT
from pipeline.execution.run_record import RunRecord
from pipeline.terminal.lines import duration


def result_lines(record: RunRecord, root: Path) -> list[str]:
    """Metrics, blessing, published version, and what to try next."""
    lines = [""] if record.steps else []
    if record.metrics is not None:
        lines += metrics_lines(record.metrics)
    if record.blessing is not None:
        lines += blessing_lines(record.blessing)
    if record.alarms:
        lines.append(f"ALARM: what is served fails on these examples: {'; '.join(record.alarms)}")
    if record.pushed_version is not None:
        lines.append(f"pushed: version {record.pushed_version}, {root}/serving/{record.pushed_version}")
    is_new = any(step.state == "executed" for step in record.steps)
    told = duration(record.seconds or 0)
    lines.append(f"done in {told}, run {record.run_id}" if is_new else f"nothing new, {told}, run {record.run_id}")
    if record.pushed_version is not None:
        at_root = "" if str(root) == DEFAULT_ROOT else f" --root {root}"
        lines.append(f'next: glovebeam predict{at_root} "a wonderful film"')
    return lines


def metrics_lines(metrics: Mapping[str, Any]) -> list[str]:
    """The figures of metrics.json that are single numbers, accuracy first with its interval; and the linear floor."""
    figures = {name: value for name, value in metrics.items() if isinstance(value, int | float)}
    ordered = sorted(figures, key=lambda name: (name != "accuracy", name))
    told = {name: f"{name} {_figure(figures[name])}" for name in ordered}
    if interval := metrics.get("intervals_95", {}).get("accuracy"):
        told["accuracy"] += f" {_interval(interval)}"
    lines = [f"metrics: {', '.join(told.values())}"]
    if floor := metrics.get("linear_floor"):
        lines.append(
            f"linear floor: accuracy {', '.join(_floor_figure(variant, floor[variant]) for variant in VARIANTS)}"
        )
    return lines


def _figure(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def _interval(interval: Sequence[float]) -> str:
    return f"(95 %: {interval[0]:.4f} to {interval[1]:.4f})"


def _floor_figure(variant: str, figures: Mapping[str, Any]) -> str:
    """One linear model: ``0.8556 (95 %: 0.8408 to 0.8692) on the tokens the model sees``."""
    if "not_compared" in figures:
        return f"unknown on {VARIANTS[variant]}, since {figures['not_compared']}"
    interval = _interval(figures["intervals_95"]["floor_accuracy"])
    return f"{figures['floor_accuracy']:.4f} {interval} on {VARIANTS[variant]}"


def blessing_lines(blessing: Mapping[str, Any]) -> list[str]:
    """The verdict, and each check with its reason."""
    verdict = "blessed" if blessing["blessed"] else "not blessed"
    checks = [
        f"  {'passed' if check['passed'] else 'FAILED'} {check['name']}: {check['reason']}"
        for check in blessing["checks"]
    ]
    return [f"blessing: {verdict}", *checks]
