import csv
import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.beam_options import BeamOptions
from components.predict import PredictionCounts, PredictParams, predict_file, predict_texts
from components.prediction import input_rows
from schemas.errors import DataError, GlovebeamError, UsageError
from tests.components.tiny_models import write_model

LOGITS = {"superb": 2.0, "dull": -1.0}
SUPERB, DULL = [0.1192, 0.8808], [0.7311, 0.2689]  # negative, positive
ADDED = ["predicted_label", "probability_negative", "probability_positive", "prediction_error"]


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"), LOGITS).saved_model


@pytest.fixture
def run(model_dir, tmp_path):
    """Predict a file given by its name and content, into ``out<ending>``."""

    def run(name, content, ending=".csv", params=None, beam=None):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        output = tmp_path / f"out{ending}"
        counts = predict_file(model_dir, tmp_path / name, output, params or PredictParams(), beam or BeamOptions())
        return counts, output

    return run


def read_csv(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_jsonl(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def answer(row):
    return row["predicted_label"], [round(float(row[name]), 4) for name in ADDED[1:3]]


def test_texts_get_their_label_and_the_probability_of_each_class(model_dir):
    superb, unknown = predict_texts(model_dir, ["Superb!", "zyzzyva \ud800"])

    assert superb.label == "positive"
    assert superb.probabilities == {
        "negative": pytest.approx(0.1192, abs=1e-4),
        "positive": pytest.approx(0.8808, abs=1e-4),
    }
    assert unknown.probabilities == {"negative": 0.5, "positive": 0.5}
    assert predict_texts(model_dir, []) == []


def test_a_csv_keeps_its_rows_columns_and_order_and_gains_the_answers(run):
    counts, output = run("in.csv", 'id,text,label\r\n7,"a\n""superb""",x\r\n8,dull,\r\n')

    rows = read_csv(output)
    assert counts == PredictionCounts(rows=2, predicted=2, errors=0)
    assert list(rows[0]) == ["id", "text", "label", *ADDED]
    assert [(row["id"], row["text"], row["label"]) for row in rows] == [("7", 'a\n"superb"', "x"), ("8", "dull", "")]
    assert [answer(row) for row in rows] == [("positive", SUPERB), ("negative", DULL)]
    assert [row["prediction_error"] for row in rows] == ["", ""]


def test_rows_without_usable_text_keep_their_place_and_say_why(run):
    content = b"text,id\nsuperb,1\n ,2\ncaf\xe9,3\nonly one field\ndull,5\n"

    counts, output = run("in.csv", content)

    assert counts == PredictionCounts(rows=5, predicted=2, errors=3)
    rows = read_csv(output)
    assert [row["predicted_label"] for row in rows] == ["positive", "", "", "", "negative"]
    assert [row["id"] for row in rows] == ["1", "2", "3", "", "5"]
    assert rows[2]["text"] == r"caf\xe9"
    assert rows[1]["prediction_error"] == "the text is empty"
    assert rows[2]["prediction_error"].startswith("byte 0xe9 at character 4 is undecodable as utf-8")
    assert rows[3]["prediction_error"] == "line 5: 1 fields, expected 2 as in the header"
    assert {rows[1][name] for name in ADDED[1:3]} == {""}


def test_json_lines_keep_their_values_and_missing_keys(run):
    lines = [{"text": "superb", "stars": 4, "tags": ["a"]}, {"text": None}, {"text": 5, "stars": None}, {"id": 1}]
    content = "\n".join(json.dumps(line) for line in lines) + "\n\n{broken\n"

    counts, output = run("in.jsonl", content, ".jsonl")

    rows = read_jsonl(output)
    assert counts == PredictionCounts(rows=5, predicted=1, errors=4)
    assert [{name: value for name, value in row.items() if name not in ADDED} for row in rows] == [*lines, {}]
    assert answer(rows[0]) == ("positive", SUPERB)
    assert rows[1]["predicted_label"] is None
    assert [row["prediction_error"] for row in rows[:4]] == [
        None, "the text is missing", "the text is no string but int", "the text is missing",
    ]  # fmt: skip
    assert rows[4]["prediction_error"].startswith("line 6: invalid JSON")


def test_json_lines_become_a_table_over_the_columns_of_all_rows(run, monkeypatch):
    monkeypatch.setattr(input_rows, "_ROWS_PER_TABLE", 1)
    content = '{"text": "superb", "stars": 4}\n{"text": "dull", "who": {"name": "x"}}\n'

    _, as_csv = run("in.jsonl", content, ".csv")
    _, as_parquet = run("in.jsonl", content, ".parquet")

    assert [(row["text"], row["stars"], row["who"]) for row in read_csv(as_csv)] == [
        ("superb", "4", ""), ("dull", "", '{"name": "x"}'),
    ]  # fmt: skip
    table = pq.read_table(as_parquet)
    assert table.column_names == ["text", "stars", "who", *ADDED]
    assert table["stars"].to_pylist() == ["4", None]
    assert table["predicted_label"].to_pylist() == ["positive", "negative"]


def test_parquet_keeps_its_types_and_survives_strings_that_are_not_utf8(run, tmp_path):
    texts = pa.array([b"superb", b"caf\xe9", None]).view(pa.string())
    table = pa.table({"n": pa.array([1, None, 3], pa.int16()), "body": texts, "xs": [[1.5], [], None]})
    pq.write_table(table, tmp_path / "source.parquet")
    content = (tmp_path / "source.parquet").read_bytes()

    counts, output = run("in.parquet", content, ".parquet", PredictParams(text_column="body"))

    answered = pq.read_table(output)
    assert counts == PredictionCounts(rows=3, predicted=1, errors=2)
    assert answered.select(["n", "xs"]).equals(table.select(["n", "xs"]))
    assert answered["body"].to_pylist() == ["superb", r"caf\xe9", None]
    assert answered["predicted_label"].to_pylist() == ["positive", None, None]
    assert [str(field.type) for field in answered.schema][3:] == ["string", "float", "float", "string"]


def test_a_text_file_has_one_text_a_line_gzip_or_not(run):
    content = "superb\n\nd\u00fcll, dull?\r\n"

    _, plain = run("in.txt", content, ".jsonl")
    rows = read_jsonl(plain)
    _, compressed = run("in.txt.gz", gzip.compress(content.encode(), mtime=0), ".jsonl")

    assert [row["text"] for row in rows] == ["superb", "", "d\u00fcll, dull?"]
    assert [row["predicted_label"] for row in rows] == ["positive", None, "negative"]
    assert read_jsonl(compressed) == rows


def test_order_and_bytes_do_not_depend_on_workers_or_chunks(run, monkeypatch):
    monkeypatch.setattr(input_rows, "_ROWS_PER_TABLE", 7)
    content = "text,n\n" + "".join(f"{'superb' if n % 3 else 'dull'},{n}\n" for n in range(40))

    _, output = run("in.csv", content)
    one = output.read_bytes()
    _, output = run("in.csv", content, beam=BeamOptions(workers=2, mode="multi_threading"))

    assert output.read_bytes() == one
    assert [int(row["n"]) for row in read_csv(output)] == list(range(40))
    assert {row["predicted_label"] for row in read_csv(output) if int(row["n"]) % 3 == 0} == {"negative"}


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_a_file_without_rows_gives_a_file_without_rows(run, ending):
    counts, output = run("in.csv", "id,text\n", ending)

    assert counts == PredictionCounts(0, 0, 0)
    if ending == ".csv":
        assert output.read_text() == ",".join(["id", "text", *ADDED]) + "\n"
    elif ending == ".parquet":
        assert pq.read_table(output).column_names == ["id", "text", *ADDED]
    else:
        assert output.read_bytes() == b""


@pytest.mark.parametrize(
    ("name", "content", "ending", "params", "error", "message"),
    [
        ("in.csv", "body,id\nx,1\n", ".csv", {}, UsageError, r"no column 'text'; it has 'body', 'id'"),
        ("in.csv", "text;id\nx;1\n", ".csv", {}, UsageError, r"no column 'text'; it has 'text;id'. Did you mean"),
        ("in.jsonl", '{"txt": "x"}\n', ".csv", {}, UsageError, r"no column 'text'; it has 'txt'. Did you mean 'txt'"),
        ("in.csv", "text,predicted_label\nx,y\n", ".csv", {}, UsageError, r"already has the column 'predicted_label'"),
        ("in.xlsx", "x", ".csv", {}, UsageError, r"ending does not tell the format; expected .csv"),
        ("in.csv", "text\nx\n", ".xlsx", {}, UsageError, r"the output is one of .csv, .jsonl, .parquet"),
        (
            "in.csv.gz",
            gzip.compress(b"text\n" + b"superb\n" * 9999, mtime=0)[:-9],
            ".csv",
            {},
            DataError,
            r"cannot be read to its",
        ),
        ("in.parquet", "no parquet", ".csv", {}, DataError, r"in.parquet: cannot be read to its end"),
        ("in.csv", b"PAR1\x00\xff\n", ".csv", {}, DataError, r"no text in utf-8. Is the file what its name says"),
    ],
)
def test_what_cannot_be_predicted_stops_with_one_message_and_leaves_nothing(
    run, tmp_path, name, content, ending, params, error, message
):
    (tmp_path / f"out{ending}").write_text("an older output")

    with pytest.raises(error, match=message):
        run(name, content, ending, PredictParams(**params))

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, f"out{ending}"])
    assert (tmp_path / f"out{ending}").read_text() == "an older output"


def test_files_that_are_not_there_are_named(run, model_dir, tmp_path):
    arguments = (PredictParams(), BeamOptions())
    source = tmp_path / "in.csv"
    source.write_text("text\nx\n")

    with pytest.raises(UsageError, match=r"nowhere: there is no SavedModel here"):
        predict_texts(tmp_path / "nowhere", ["x"])
    with pytest.raises(UsageError, match=r"none.csv: there is no such file"):
        predict_file(model_dir, tmp_path / "none.csv", tmp_path / "out.csv", *arguments)
    with pytest.raises(UsageError, match=r"the folder .*missing does not exist"):
        predict_file(model_dir, source, tmp_path / "missing" / "out.csv", *arguments)
    with pytest.raises(UsageError, match="input and output are the same file"):
        predict_file(model_dir, source, source, *arguments)


def test_a_folder_that_is_no_model_of_ours_is_refused(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"something else")

    with pytest.raises(GlovebeamError, match="cannot be loaded as a SavedModel"):
        predict_texts(tmp_path, ["x"])
