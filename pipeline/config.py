"""The configuration: one TOML table a step, and ``[text]`` for what vocabulary, encoding and serving share.

A file or a shipped preset gives the values, ``--set train.epochs=3`` changes single ones, and whatever is left out has
its default. Relative paths are relative to the current directory, also those in a file that lies elsewhere.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from components.beam_options import BeamOptions
from components.build_vocabulary import BuildVocabularyParams
from components.check_labels import CheckLabelsParams
from components.drift import DriftParams
from components.embed import EmbedParams
from components.encode import EncodeParams
from components.evaluate import EvaluateParams
from components.ingest import IngestParams
from components.linear_floor import LinearFloorParams
from components.push import PushParams
from components.train import TrainParams
from components.validate import ValidateParams
from pipeline.terminal.presets import PRESETS, preset_names
from schemas.errors import UsageError
from schemas.params import Params
from schemas.vocabulary import Tokenizer

# [text] says once how text becomes ids; its keys belong to two steps.
TEXT_KEYS = {
    "tokenizer": ("tokenizer", "name"),
    "punctuation": ("tokenizer", "punctuation"),
    "max_length": ("encode", "max_length"),
    "padding": ("encode", "padding"),
    "truncating": ("encode", "truncating"),
}

Tables = dict[str, dict[str, Any]]


class Config(Params):
    """The parameters of every step."""

    ingest: IngestParams = IngestParams()
    check_labels: CheckLabelsParams = CheckLabelsParams()
    validate_: ValidateParams = ValidateParams()  # BaseModel has a method of the step's name
    drift: DriftParams = DriftParams()
    tokenizer: Tokenizer = Tokenizer()
    build_vocabulary: BuildVocabularyParams = BuildVocabularyParams()
    embed: EmbedParams = EmbedParams()
    encode: EncodeParams = EncodeParams()
    linear_floor: LinearFloorParams = LinearFloorParams()
    train: TrainParams = TrainParams()
    evaluate: EvaluateParams = EvaluateParams()
    push: PushParams = PushParams()
    beam: BeamOptions = BeamOptions()

    def tables(self) -> Tables:
        """All values, as the tables of a config file."""
        values = self.model_dump(mode="json")
        known = known_keys()
        return {table: {key: values[at][name] for key, (at, name) in keys.items()} for table, keys in known.items()}


def known_keys() -> dict[str, dict[str, tuple[str, str]]]:
    """Table -> key -> (field of ``Config``, field of its params), in the order of a config file."""
    tables: dict[str, dict[str, tuple[str, str]]] = {}
    for field, info in Config.model_fields.items():
        if field == "tokenizer":
            tables["text"] = TEXT_KEYS
            continue
        if field == "drift":
            tables["validate"]["drift"] = (field, "action")
            continue
        params = info.default
        names = [name for name, its in type(params).model_fields.items() if not its.exclude]
        tables[field.rstrip("_")] = {name: (field, name) for name in names if (field, name) not in TEXT_KEYS.values()}
    return tables


def load_config(source: str, overrides: Sequence[str] = ()) -> Config:
    """The configuration of a file or preset, with ``table.key=value`` overrides.

    Raises:
        UsageError: no such file, not TOML, an unknown key or a bad value; names the place, what was got and expected.
    """
    path, shown = _find(source)
    tables = _read(path, shown)
    origins = {(table, key): shown for table, values in tables.items() for key in values}
    _check_keys(tables, origins, shown)
    for override in overrides:
        table, key, value = _parse_override(override)
        origins[table, key] = f"--set {override}"
        tables.setdefault(table, {})[key] = value
    keys = known_keys()
    values: dict[str, dict[str, Any]] = {}
    for table, given in tables.items():
        for key, value in given.items():
            field, name = keys[table][key]
            values.setdefault(field, {})[name] = value
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise UsageError("\n".join(_explained(error, origins, shown))) from error


def _find(source: str) -> tuple[Path, str]:
    if source in preset_names():
        return PRESETS / f"{source}.toml", f"preset {source}"
    path = Path(source)
    if path.is_file():
        return path, source
    raise UsageError(
        f"-c {source}: there is no such file, and no preset of that name.{nearest(source, preset_names())} "
        f"Presets: {', '.join(preset_names())}. `glovebeam init` writes a file to start from."
    )


def _read(path: Path, shown: str) -> Tables:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{shown}: not valid TOML: {error}.") from error
    except UnicodeDecodeError as error:
        found = f"byte {error.object[error.start]:#04x} at place {error.start}"
        raise UsageError(f"{shown}: not valid TOML: expected UTF-8, got {found}.") from error
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise UsageError(
                f"{shown}: {name} stands outside a table; expected it under one of {_listed(known_keys())}."
            )
    return tables


def _parse_override(override: str) -> tuple[str, str, Any]:
    """``train.epochs=3`` as (table, key, value); the value is TOML, and a bare word is a string."""
    name, equals, text = override.partition("=")
    table, dot, key = (part.strip() for part in name.partition("."))
    if not equals:
        raise UsageError(f"--set {override}: expected table.key=value, such as --set train.epochs=3.")
    if not dot:
        table, key = "", table
    if not table or table not in known_keys() or key not in known_keys()[table]:
        raise UsageError(f"--set {override}: {_unknown(table, key)}")
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        parsed = {}
    return table, key, parsed["value"] if parsed.keys() == {"value"} else text.strip()


def _check_keys(tables: Tables, origins: Mapping[tuple[str, str], str], shown: str) -> None:
    known = known_keys()
    for table, values in tables.items():
        if table not in known:
            raise UsageError(f"{shown}: {_unknown(table, '')}")
        for key in values:
            if key not in known[table]:
                raise UsageError(f"{origins[table, key]}: {_unknown(table, key)}")


def _unknown(table: str, key: str) -> str:
    """What is wrong with a key that does not exist, and which one may be meant."""
    known = known_keys()
    if table and table not in known:
        return f"unknown table [{table}].{nearest(table, list(known))} Tables: {_listed(known)}."
    elsewhere = [f"{other}.{key}" for other, keys in known.items() if key in keys]
    if elsewhere:
        return f"unknown key {f'{table}.{key}' if table else key}. Did you mean {' or '.join(elsewhere)}?"
    if not table:
        return f"unknown key {key}, expected table.key.{nearest(key, [k for keys in known.values() for k in keys])}"
    near = nearest(key, list(known[table]), f"{table}.")
    return f"unknown key {table}.{key}.{near} Keys of [{table}]: {', '.join(known[table]) or 'none'}."


def nearest(name: str, names: Sequence[str], prefix: str = "") -> str:
    """`` Did you mean ...?`` where something is near enough, else nothing."""
    found = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean {prefix}{found[0]}?" if found else ""


def _listed(tables: Mapping[str, object]) -> str:
    return ", ".join(f"[{table}]" for table in tables)


def _explained(error: ValidationError, origins: Mapping[tuple[str, str], str], shown: str) -> Iterator[str]:
    """Each bad value with where it was given, got and expected."""
    places: dict[tuple[str, ...], tuple[str, str]] = {
        at: (table, key) for table, keys in known_keys().items() for key, at in keys.items()
    }
    for problem in error.errors():
        location = tuple(str(part) for part in problem["loc"])
        table, key = places.get(location[:2], (location[0].rstrip("_"), ""))
        origin = origins.get((table, key), shown)
        message = problem["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
        if not key:  # a rule about several keys of one table
            yield f"{origin}: [{'text' if table == 'tokenizer' else table}] {message}."
            continue
        choices = problem["ctx"]["expected"] if problem["type"] == "literal_error" else ""
        near = nearest(str(problem["input"]), choices.split("'")[1::2])
        yield f"{origin}: {table}.{key}: {message}, got {problem['input']!r}.{near}"
