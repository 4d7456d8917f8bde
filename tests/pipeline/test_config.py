"""TOML and --set to parameters; whatever is wrong is named with its place and the nearest name that exists."""

import re
import tomllib

import pytest

from pipeline.config import Config, known_keys, load_config
from pipeline.terminal.presets import PRESETS
from schemas.errors import UsageError


def written(tmp_path, text):
    path = tmp_path / "reviews.toml"
    path.write_text(text)
    return str(path)


def test_the_default_preset_spells_out_every_key_with_its_default():
    text = (PRESETS / "default.toml").read_text()
    spelled_out = tomllib.loads(text)
    defaults = Config().tables()
    without_default = {f"{table}.{key}" for table, keys in defaults.items() for key, v in keys.items() if v is None}
    assert list(spelled_out) == list(defaults)
    for table, keys in defaults.items():
        assert spelled_out[table] == {key: value for key, value in keys.items() if value is not None}
    section = dict(re.findall(r"^\[(\w+)\](.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL))
    for name in without_default:  # TOML has no null: such a key stands there as a comment
        table, key = name.split(".")
        assert f"\n# {key} = " in section[table]


def test_the_default_preset_is_what_comes_without_a_config():
    assert load_config("default") == Config()


def test_text_reaches_the_vocabulary_and_the_encoding(tmp_path):
    config = load_config(written(tmp_path, '[text]\ntokenizer = "keras"\nmax_length = 7\npadding = "post"\n'))
    assert config.tokenizer.name == "keras"
    assert (config.encode.max_length, config.encode.padding) == (7, "post")


def test_what_a_file_leaves_out_has_its_default_and_set_wins_over_the_file(tmp_path):
    config = load_config(written(tmp_path, "[train]\nepochs = 2\nunits = 8\n"), ["train.epochs=5"])
    assert (config.train.epochs, config.train.units, config.train.layers) == (5, 8, Config().train.layers)


@pytest.mark.parametrize(
    ("override", "table", "key", "value"),
    [
        ("train.epochs=3", "train", "epochs", 3),
        ("train.dropout=0.25", "train", "dropout", 0.25),
        ("train.bidirectional=false", "train", "bidirectional", False),
        ("text.tokenizer=keras", "text", "tokenizer", "keras"),
        ("ingest.source=data/my reviews.csv", "ingest", "source", "data/my reviews.csv"),
        ('ingest.source="a=b.csv"', "ingest", "source", "a=b.csv"),
        ('ingest.class_names=["bad", "good"]', "ingest", "class_names", ["bad", "good"]),
        (" train.epochs = 3", "train", "epochs", 3),
    ],
)
def test_a_set_value_is_toml_and_a_bare_word_is_a_string(override, table, key, value):
    assert load_config("default", [override]).tables()[table][key] == value


def test_tables_are_a_config_file_that_gives_the_same_config():
    config = load_config("default", ["train.epochs=3", "text.max_length=9", "beam.workers=2"])
    overrides = [
        f"{table}.{key}={repr(value).lower() if isinstance(value, bool) else value}"
        for table, keys in config.tables().items()
        for key, value in keys.items()
        if isinstance(value, int | float)
    ]
    assert load_config("default", overrides) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[train]\nepoch = 3\n", r"reviews\.toml: unknown key train\.epoch\. Did you mean train\.epochs\?"),
        ("[trian]\nepochs = 3\n", r"reviews\.toml: unknown table \[trian\]\. Did you mean train\? Tables: \[ingest\]"),
        ("[encode]\nmax_length = 3\n", r"unknown key encode\.max_length\. Did you mean text\.max_length\?"),
        ("[train]\nepochs = 0\n", r"reviews\.toml: train\.epochs: expected greater than or equal to 1, got 0"),
        ("[train]\nepochs = 'x'\n", r"reviews\.toml: train\.epochs: expected a valid integer.*, got 'x'"),
        (
            "[text]\ntokenizer = 'glov'\n",
            r"text\.tokenizer: expected 'glove' or 'keras', got 'glov'\. Did you mean",
        ),
        ("[text]\ntokenizer = 'keras'\npunctuation = 'keep'\n", r"reviews\.toml: \[text\] punctuation = 'keep' needs"),
        ("[train]\nepochs = \n", r"reviews\.toml: not valid TOML: .*line 2"),
        ("epochs = 3\n", r"reviews\.toml: epochs stands outside a table"),
        ("[beam]\nprogress_file = 'x'\n", r"unknown key beam\.progress_file"),
    ],
)
def test_a_wrong_file_is_refused_with_place_got_and_expected(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        load_config(written(tmp_path, text))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.epoch=3", r"--set train\.epoch=3: unknown key train\.epoch\. Did you mean train\.epochs\?"),
        ("epochs=3", r"--set epochs=3: unknown key epochs\. Did you mean train\.epochs\?"),
        ("seed=3", r"Did you mean embed\.seed or train\.seed\?"),
        ("train.epochs", r"--set train\.epochs: expected table\.key=value"),
        ("train=3", r"unknown key train, expected table\.key"),
        ("train.epochs=0", r"--set train\.epochs=0: train\.epochs: expected greater than or equal to 1, got 0"),
        ("train.epochs=", r"--set train\.epochs=: train\.epochs: expected a valid integer.* got ''"),
        ("train.dropout=[", r"train\.dropout: expected a valid number.* got '\['"),
        ("train.epochs=3\nunits=4", r"train\.epochs: expected a valid integer"),
    ],
)
def test_a_wrong_set_is_refused_with_got_and_expected(override, message):
    with pytest.raises(UsageError, match=message):
        load_config("default", [override])


def test_every_bad_value_is_told_at_once(tmp_path):
    with pytest.raises(UsageError) as error:
        load_config(written(tmp_path, "[train]\nepochs = 0\nunits = 0\n"))
    assert {line.split(": ")[1] for line in str(error.value).splitlines()} == {"train.epochs", "train.units"}


@pytest.mark.parametrize("source", ["defalt", "nowhere.toml"])
def test_a_config_that_is_not_there_is_refused(source):
    with pytest.raises(UsageError, match=rf"-c {source}: there is no such file, and no preset .* Presets: default"):
        load_config(source)


def test_a_preset_is_found_before_a_file_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "default").write_text("not TOML")
    assert load_config("default") == Config()


def test_every_key_belongs_to_one_parameter():
    places = [place for keys in known_keys().values() for place in keys.values()]
    assert len(places) == len(set(places))
