"""What commands take, and how they print what they found."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

T = TypeVar("T")

RootOption = Annotated[
    Path, typer.Option("--root", envvar="GLOVEBEAM_ROOT", help="Folder with artifacts, runs and served models.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ConfigOption = Annotated[str, typer.Option("-c", "--config", help="A TOML file, or a preset (see `glovebeam init`).")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="TABLE.KEY=VALUE", help="Change a value, as in train.epochs=3.")
]
FromOption = Annotated[str | None, typer.Option("--from", metavar="STEP", help="Take earlier steps as they are.")]
ToOption = Annotated[str | None, typer.Option("--to", metavar="STEP", help="Stop after this step.")]
ForceOption = Annotated[list[str] | None, typer.Option(metavar="STEP", help="Run this step even if it is cached.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would run and why; write nothing.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", help="Show the logs of Beam and TensorFlow.")]
LogFormatOption = Annotated[
    Literal["text", "json"], typer.Option("--log-format", help="For people, or one JSON object a line for collectors.")
]
TextsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="TEXT...", help="Texts; - reads them from stdin, one a line.")
]
InputOption = Annotated[
    Path | None, typer.Option("--input", help="A file of texts: .txt (one a line), .csv, .tsv, .jsonl, .parquet.")
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", help="Its rows with the answers: .csv, .jsonl or .parquet.")
]
ColumnOption = Annotated[str, typer.Option("--text-column", help="Of --input.")]
DelimiterOption = Annotated[str | None, typer.Option("--delimiter", help="Of .csv and .tsv.")]
EncodingOption = Annotated[str, typer.Option("--encoding", help="Of --input.")]
VersionOption = Annotated[int | None, typer.Option("--version", help="A published version, instead of the newest.")]


def show_result(data: T, lines: Callable[[T], Iterable[str]], as_json: bool) -> None:
    """Print data as JSON or in lines; this and the display of a run are all that prints."""
    typer.echo(json.dumps(data, indent=1, ensure_ascii=False) if as_json else "\n".join(lines(data)))
