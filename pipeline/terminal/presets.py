"""The config files that come with glovebeam."""

from pathlib import Path

from schemas.errors import UsageError

PRESETS = Path(__file__).parents[1] / "configs"


def preset_names() -> list[str]:
    """Names of all presets, ``default`` first."""
    names = sorted(path.stem for path in PRESETS.glob("*.toml"))
    return sorted(names, key=lambda name: name != "default")


def summaries() -> list[dict[str, str]]:
    """Each preset with what it is for, which is its first line."""
    return [{"preset": name, "about": _text(name).partition("\n")[0].lstrip("# ")} for name in preset_names()]


def write(name: str, path: Path) -> Path:
    """Write a preset as a new config file.

    Raises:
        UsageError: no such preset, or the file is there already.
    """
    if name not in preset_names():
        raise UsageError(f"There is no preset {name}. Presets: {', '.join(preset_names())}.")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(_text(name))
    except FileExistsError:
        raise UsageError(f"{path} is there already; it stays as it is. Choose another name with --output.") from None
    return path


def init_lines(presets: list[dict[str, str]], written: Path | None) -> list[str]:
    """The presets, and what was written."""
    lines = ["presets, for -c:", *(f"  {preset['preset']}: {preset['about']}" for preset in presets)]
    if written is not None:
        lines += ["", f"wrote {written}", f"next: edit it, then glovebeam run -c {written}"]
    return lines


def _text(name: str) -> str:
    return (PRESETS / f"{name}.toml").read_text(encoding="utf-8")
