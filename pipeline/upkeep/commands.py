"""The commands that keep a root in order."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.execution.root import DEFAULT_ROOT, Root
from pipeline.terminal.options import JsonOption, RootOption, show_result


def rollback(
    version: Annotated[int, typer.Argument(metavar="VERSION", help="The version to publish again.")],
    root: RootOption = Path(DEFAULT_ROOT),
    as_json: JsonOption = False,
) -> None:
    """Go back to an earlier model: publish it again, as a new version.

    Later runs compare with it, and do not publish again what it replaced.
    """
    from functools import partial

    from pipeline.upkeep.rollback import roll_back

    show_result(roll_back(Root(root), version), partial(_rollback_lines, root=root), as_json)


def _rollback_lines(done: dict[str, Any], root: Path) -> list[str]:
    version, restores, replaces = done["version"], done["restores"], done["replaces"]
    if version == replaces:
        return [f"version {version} serves this model already; nothing to do"]
    return [
        f"pushed: version {version}, which is version {restores} again, {root}/serving/{version}",
        f"runs do not publish again what came after version {restores}; `glovebeam rollback {replaces}` would",
    ]


def clean(
    keep_runs: Annotated[int, typer.Option(min=0, help="The newest so many runs stay.")] = 5,
    keep_versions: Annotated[int, typer.Option(min=1, help="The newest so many published versions stay.")] = 3,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; remove nothing.")] = False,
    root: RootOption = Path(DEFAULT_ROOT),
    as_json: JsonOption = False,
) -> None:
    """Remove runs, versions and artifacts that are no longer needed.

    What a kept run used, and all that a kept version was made from, stays; so do the runs that made kept versions. The
    version that serves always stays. A later run makes what it needs once more.
    """
    from pipeline.upkeep.clean import clean as clear

    show_result(clear(Root(root), keep_runs, keep_versions, dry_run), _clean_lines, as_json)


def _clean_lines(done: dict[str, Any]) -> list[str]:
    what = [
        *(f"serving/{version}" for version in done["versions"]),
        *(f"runs/{run}" for run in done["runs"]),
        *done["artifacts"],
    ]
    would, freed = ("would remove", "would be freed") if done["dry_run"] else ("removed", "freed")
    return [*(f"{would} {name}" for name in what), f"{len(what):,} folders, {done['bytes']:,} bytes {freed}"]


def migrate(root: RootOption = Path(DEFAULT_ROOT), as_json: JsonOption = False) -> None:
    """Bring the metadata of an older glovebeam up to date; a copy of it is kept beside it."""
    from pipeline.upkeep.migration import migrate as bring_up_to_date

    show_result(bring_up_to_date(Root(root)), _migrate_lines, as_json)


def _migrate_lines(done: dict[str, Any]) -> list[str]:
    if done["backup"] is None:
        return [f"the metadata are up to date (layout {done['to']})"]
    return [f"migrated from layout {done['from']} to {done['to']}; as it was, it is kept in {done['backup']}"]
