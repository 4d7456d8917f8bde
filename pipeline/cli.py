"""The command line. Commands import what they need when they run, so that ``--help`` answers at once."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from pipeline.execution.root import DEFAULT_ROOT, Root

T = TypeVar("T")

app = typer.Typer(
    name="glovebeam",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="""Labelled text in, a blessed model that takes raw text out.

    \b
    [bold]glovebeam run[/]                         from 25,000 reviews and GloVe to a model
    [bold]glovebeam predict "a wonderful film"[/]  its label and probability
    [bold]glovebeam init[/]                        a glovebeam.toml for your own data""",
    epilog="Exit codes: 0 done, 1 unexpected, 2 usage, 3 data rejected, 4 model not blessed, 5 root in use.",
)

_MAKE, _LOOK, _SET_UP = "Make and use models", "Look at what is there", "Set up"

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


@app.command(rich_help_panel=_MAKE)
def run(
    config: ConfigOption = "default",
    root: RootOption = Path(DEFAULT_ROOT),
    overrides: SetOption = None,
    first: FromOption = None,
    last: ToOption = None,
    force: ForceOption = None,
    dry_run: DryRunOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Everything from labelled texts to a published model, as far as it is new.

    The steps: ingest, validate, build_vocabulary, embed, encode,
    linear_floor, train, evaluate, push.

    Only what has to run runs: a step is taken from the cache unless its code,
    parameters, inputs or libraries changed, and each line says why. A run that
    was stopped or killed goes on where it was.

    Relative paths, also those in a config file, start at the current folder.
    """
    from functools import partial

    from pipeline.config import load_config
    from pipeline.dag import STEPS, run_pipeline
    from pipeline.execution import launch
    from pipeline.execution.planner import select

    selection = select(STEPS, first, last, force or [])
    loaded = load_config(config, overrides or [])
    dag = partial(run_pipeline, config=loaded)
    if dry_run:
        launch.dry_run(dag, STEPS, Root(root), selection)
    else:
        launch.launch(dag, STEPS, Root(root), selection, loaded, config, verbose)


@app.command(rich_help_panel=_MAKE)
def predict(
    texts: TextsArgument = None,
    input_file: InputOption = None,
    output_file: OutputOption = None,
    text_column: ColumnOption = "text",
    delimiter: DelimiterOption = None,
    encoding: EncodingOption = "utf-8",
    version: VersionOption = None,
    root: RootOption = Path(DEFAULT_ROOT),
    as_json: JsonOption = False,
) -> None:
    """Label and probability for raw texts, from a published model.

    With --input and --output, a file is answered by a Beam job.
    """
    from pipeline.terminal import prediction

    if input_file is None and output_file is None:
        _show(prediction.predict(Root(root), version, texts or []), prediction.prediction_lines, as_json)
        return
    params = prediction.file_params(texts or [], text_column=text_column, delimiter=delimiter, encoding=encoding)
    counts = prediction.predict_to_file(Root(root), version, input_file, output_file, params)
    _show(counts, prediction.counts_lines, as_json)


@app.command(rich_help_panel=_LOOK)
def runs(root: RootOption = Path(DEFAULT_ROOT), as_json: JsonOption = False) -> None:
    """All runs, the newest first."""
    from pipeline.terminal import reading

    _show(reading.all_runs(Root(root)), reading.runs_lines, as_json)


@app.command(rich_help_panel=_LOOK)
def show(
    run_id: Annotated[str, typer.Argument(metavar="[RUN]", help="A run id, the beginning of one, or last.")] = "last",
    root: RootOption = Path(DEFAULT_ROOT),
    as_json: JsonOption = False,
) -> None:
    """One run: its steps, metrics, blessing and published version."""
    from functools import partial

    from pipeline.terminal import reading

    _show(reading.one_run(Root(root), run_id), partial(reading.run_lines, root=root), as_json)


@app.command(rich_help_panel=_LOOK)
def lineage(
    artifact: Annotated[str, typer.Argument(metavar="ARTIFACT", help="An id, a folder such as serving/1, or a step.")],
    root: RootOption = Path(DEFAULT_ROOT),
    as_json: JsonOption = False,
) -> None:
    """What an artifact was made from, down to the source files."""
    from pipeline.terminal import lineage as of

    _show(of.lineage(Root(root), artifact), of.lineage_lines, as_json)


@app.command(rich_help_panel=_LOOK)
def versions(root: RootOption = Path(DEFAULT_ROOT), as_json: JsonOption = False) -> None:
    """Published models, the newest first."""
    from pipeline.terminal import reading

    _show(reading.versions(Root(root)), reading.versions_lines, as_json)


@app.command(rich_help_panel=_SET_UP)
def init(
    preset: Annotated[str, typer.Argument(help="The preset to start from.")] = "default",
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")] = Path("glovebeam.toml"),
    only_list: Annotated[bool, typer.Option("--list", help="List the presets and write nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the presets, and write one as a config file with a comment on every key."""
    from functools import partial

    from pipeline.terminal import presets

    written = None if only_list else presets.write(preset, output)
    _show(presets.summaries(), partial(presets.init_lines, written=written), as_json)


@app.command(rich_help_panel=_SET_UP)
def doctor(root: RootOption = Path(DEFAULT_ROOT), as_json: JsonOption = False) -> None:
    """Check the installation and the root folder; exit code 1 if something is wrong."""
    from pipeline.terminal import doctor as checks

    found = checks.examine(Root(root))
    _show(found, checks.lines, as_json)
    if not checks.is_sound(found):
        raise typer.Exit(1)


def _show(data: T, lines: Callable[[T], Iterable[str]], as_json: bool) -> None:
    """Print data as JSON or in lines; this and the display of a run are all that prints."""
    import json

    text = json.dumps(data, indent=1, ensure_ascii=False) if as_json else "\n".join(lines(data))
    typer.echo(text)


def main() -> None:
    """The console command: every error is one paragraph on standard error and an exit code."""
    try:
        app()
    except Exception as error:
        from pipeline.execution.failures import explain

        failure = explain(error)
        typer.echo(f"glovebeam: {failure}", err=True)
        sys.exit(failure.exit_code)


if __name__ == "__main__":
    main()
