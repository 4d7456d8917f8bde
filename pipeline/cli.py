"""The command line. Commands import what they need when they run, so that ``--help`` answers at once."""

import gc
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.execution.root import DEFAULT_ROOT, Root
from pipeline.terminal.options import (
    ColumnOption,
    ConfigOption,
    DelimiterOption,
    DryRunOption,
    EncodingOption,
    ForceOption,
    FromOption,
    InputOption,
    JsonOption,
    LogFormatOption,
    OutputOption,
    RootOption,
    SetOption,
    TextsArgument,
    ToOption,
    VerboseOption,
    VersionOption,
    show_result,
)
from pipeline.upkeep import commands as upkeep

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

_MAKE, _LOOK, _KEEP, _SET_UP = "Make and use models", "Look at what is there", "Keep it in order", "Set up"


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
    log_format: LogFormatOption = "text",
) -> None:
    """Everything from labelled texts to a published model, as far as it is new.

    The steps: ingest, validate, build_vocabulary, drift, embed, encode,
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
    from pipeline.terminal.json_log import JsonLog, errors_in

    log = JsonLog(sys.stdout) if log_format == "json" else None
    with errors_in(log):
        selection = select(STEPS, first, last, force or [])
        loaded = load_config(config, overrides or [])
        dag = partial(run_pipeline, config=loaded)
        if dry_run:
            launch.dry_run(dag, STEPS, Root(root), selection, log)
        else:
            launch.launch(dag, STEPS, Root(root), selection, loaded, config, verbose, log)


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
        show_result(prediction.predict(Root(root), version, texts or []), prediction.prediction_lines, as_json)
        return
    params = prediction.file_params(texts or [], text_column=text_column, delimiter=delimiter, encoding=encoding)
    counts = prediction.predict_to_file(Root(root), version, input_file, output_file, params)
    show_result(counts, prediction.counts_lines, as_json)


@app.command(rich_help_panel=_LOOK)
def validate(
    input_file: Annotated[Path, typer.Option("--input", help="Logged requests: .jsonl, .csv, .tsv, .txt, .parquet.")],
    config: ConfigOption = "default",
    root: RootOption = Path(DEFAULT_ROOT),
    overrides: SetOption = None,
    text_column: ColumnOption = "text",
    delimiter: DelimiterOption = None,
    encoding: EncodingOption = "utf-8",
    as_json: JsonOption = False,
) -> None:
    """How far logged requests are from what the serving model was trained on.

    Lengths, unknown tokens and tokens, held against the skew comparators of
    the schema (validate.schema_file). Exit code 3 with validate.drift = "stop"
    where a bound is crossed; warnings otherwise.
    """
    from pipeline.config import load_config
    from pipeline.terminal import drift

    loaded = load_config(config, overrides or [])
    found = drift.serving_skew(Root(root), input_file, loaded.validate_, text_column, delimiter, encoding)
    show_result(found, drift.skew_lines, as_json)
    if loaded.drift.action == "stop":
        drift.stop_on_skew(found)


@app.command(rich_help_panel=_LOOK)
def runs(root: RootOption = Path(DEFAULT_ROOT), as_json: JsonOption = False) -> None:
    """All runs, the newest first."""
    from pipeline.terminal import reading

    show_result(reading.all_runs(Root(root)), reading.runs_lines, as_json)


@app.command(rich_help_panel=_LOOK)
def show(
    run_id: Annotated[str, typer.Argument(metavar="[RUN]", help="A run id, the beginning of one, or last.")] = "last",
    in_one_line: Annotated[bool, typer.Option("--line", help="In one line, for mail or chat.")] = False,
    root: RootOption = Path(DEFAULT_ROOT),
    as_json: JsonOption = False,
) -> None:
    """One run: its steps, metrics, blessing and published version."""
    from functools import partial

    from pipeline.terminal import reading

    lines = reading.summary_line if in_one_line else partial(reading.run_lines, root=root)
    show_result(reading.one_run(Root(root), run_id), lines, as_json)


@app.command(rich_help_panel=_LOOK)
def lineage(
    artifact: Annotated[str, typer.Argument(metavar="ARTIFACT", help="An id, a folder such as serving/1, or a step.")],
    root: RootOption = Path(DEFAULT_ROOT),
    as_json: JsonOption = False,
) -> None:
    """What an artifact was made from, down to the source files."""
    from pipeline.terminal import lineage as of

    show_result(of.lineage(Root(root), artifact), of.lineage_lines, as_json)


@app.command(rich_help_panel=_LOOK)
def versions(root: RootOption = Path(DEFAULT_ROOT), as_json: JsonOption = False) -> None:
    """Published models: which one serves, from which data, with which metrics, and why it was blessed."""
    from pipeline.terminal import versions as of

    show_result(of.versions(Root(root)), of.versions_lines, as_json)


app.command(rich_help_panel=_KEEP)(upkeep.rollback)
app.command(rich_help_panel=_KEEP)(upkeep.clean)
app.command(rich_help_panel=_KEEP)(upkeep.migrate)


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
    show_result(presets.summaries(), partial(presets.init_lines, written=written), as_json)


@app.command(rich_help_panel=_SET_UP)
def doctor(root: RootOption = Path(DEFAULT_ROOT), as_json: JsonOption = False) -> None:
    """Check the installation and the root folder; exit code 1 if something is wrong."""
    from pipeline.terminal import doctor as checks

    found = checks.examine(Root(root))
    show_result(found, checks.lines, as_json)
    if not checks.is_sound(found):
        raise typer.Exit(1)


def main() -> None:
    """The console command: every error is one paragraph on standard error and an exit code.

    Beam and Arrow alone make 180,000 objects that stay until the end. The garbage collector would go through them many
    times while they are imported, and again at exit, for some half a second each; so it looks more rarely, and not at
    all at exit.
    """
    gc.set_threshold(100_000)
    try:
        app()
    except Exception as error:
        from pipeline.execution.failures import explain

        failure = explain(error)
        typer.echo(f"glovebeam: {failure}", err=True)
        sys.exit(failure.exit_code)
    finally:
        gc.freeze()


if __name__ == "__main__":
    main()
