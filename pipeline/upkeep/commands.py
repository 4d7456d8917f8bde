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
        f"runs do not publish version {replaces} again; `glovebeam rollback {replaces}` would",
    ]
