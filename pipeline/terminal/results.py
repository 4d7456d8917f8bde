"""What came out of a run, in lines for people."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.execution.root import DEFAULT_ROOT
from pipeline.execution.run_record import RunRecord
from pipeline.terminal.lines import duration


def result_lines(record: RunRecord, root: Path) -> list[str]:
    """Metrics, blessing, published version, and what to try next."""
    lines = [""] if record.steps else []
    if record.metrics is not None:
        lines.append(f"metrics: {metrics_text(record.metrics)}")
    if record.blessing is not None:
        lines += blessing_lines(record.blessing)
    if record.pushed_version is not None:
        lines.append(f"pushed: version {record.pushed_version}, {root}/serving/{record.pushed_version}")
    is_new = any(step.state == "executed" for step in record.steps)
    told = duration(record.seconds or 0)
    lines.append(f"done in {told}, run {record.run_id}" if is_new else f"nothing new, {told}, run {record.run_id}")
    if record.pushed_version is not None:
        at_root = "" if str(root) == DEFAULT_ROOT else f" --root {root}"
        lines.append(f'next: glovebeam predict{at_root} "a wonderful film"')
    return lines


def metrics_text(metrics: Mapping[str, Any]) -> str:
    """The figures of metrics.json that are single numbers, accuracy first."""
    figures = {name: value for name, value in metrics.items() if isinstance(value, int | float)}
    ordered = sorted(figures, key=lambda name: (name != "accuracy", name))
    return ", ".join(f"{name} {_figure(figures[name])}" for name in ordered)


def _figure(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def blessing_lines(blessing: Mapping[str, Any]) -> list[str]:
    """The verdict, and each check with its reason."""
    verdict = "blessed" if blessing["blessed"] else "not blessed"
    checks = [
        f"  {'passed' if check['passed'] else 'FAILED'} {check['name']}: {check['reason']}"
        for check in blessing["checks"]
    ]
    return [f"blessing: {verdict}", *checks]
