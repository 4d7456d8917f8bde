"""Bad input: what each kind of fault says, where it says it is, and what becomes of the rows around it."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.errors import DataError
from tests.components.ingest_helpers import newest_out, rejects, run_unsplit, texts

HEADER = "text,label\n"


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# name, content, params, then place, reason and raw of the reject, and the texts that are left
FAULTS = {
    "empty text": ("r.csv", HEADER + "Good,1\n,0\nBad,0\n", "row 2 (line 3)", "the text is empty", ",0\n"),
    "white space": (
        "r.csv",
        HEADER + 'Good,1\n" \t\n",0\nBad,0\n',
        "row 2 (line 3)",
        "the text is empty",
        '" \t\n",0\n',
    ),
    "empty label": ("r.csv", HEADER + "Good,1\nMeh,\nBad,0\n", "row 2 (line 3)", "the label is empty", "Meh,\n"),
    "too few fields": (
        "r.csv",
        HEADER + "Good,1\nMeh\nBad,0\n",
        "row 2 (line 3)",
        "wrong number of fields: 1, expected 2 as in the header (text, label); look for a delimiter in a text "
        "without quotes, or a quote left open",
        "Meh\n",
    ),
    "too many fields": (
        "r.csv",
        HEADER + 'Good,1\n"x\n\ny",1,1\nBad,0\n',
        "row 2 (line 3)",
        "wrong number of fields: 3, expected 2 as in the header (text, label); look for a delimiter in a text "
        "without quotes, or a quote left open",
        '"x\n\ny",1,1\n',
    ),
    "undecodable": (
        "r.csv",
        (HEADER + "Good,1\nCaf?,0\nBad,0\n").encode().replace(b"?", b"\xe9\\"),
        "row 2 (line 3)",
        "byte 0xe9 at character 4 is undecodable as utf-8 (ingest.encoding)",
        "Caf\\xe9\\\\,0\n",
    ),
    "unclosed quote at the end": (
        "r.csv",
        HEADER + 'Good,1\nBad,0\n"Meh,1\nlost,0\n',
        "row 3 (line 4)",
        "unclosed quote: opened in line 4, open at the end of the file, line 5",
        '"Meh,1\nlost,0\n',
    ),
    "unclosed quote in the middle": (
        "r.csv",
        HEADER + 'Good,1\n"a\nb","Meh,1\nlost,0\n"c",1\nBad,0\n',
        "row 2 (line 3)",
        "unclosed quote: opened in line 4, then line 6 has a quote that neither ',' nor the end of the "
        "line follows (a quote inside a quoted field is written twice)",
        '"a\nb","Meh,1\nlost,0\n"c",1\n',
    ),
    "invalid JSON": (
        "r.jsonl",
        '{"text": "Good", "label": 1}\n{"text": "Meh", "label\n{"text": "Bad", "label": 0}\n',
        "row 2 (line 2)",
        "invalid JSON: Invalid control character at at character 23",
        '{"text": "Meh", "label\n',
    ),
    "no object": (
        "r.jsonl",
        '{"text": "Good", "label": 1}\n["Meh", 1]\n{"text": "Bad", "label": 0}\n',
        "row 2 (line 2)",
        "invalid JSON: expected an object with the columns as keys, got a list",
        '["Meh", 1]\n',
    ),
    "null text": (
        "r.jsonl",
        '{"text": "Good", "label": 1}\n{"text": null, "label": 1}\n{"text": "Bad", "label": 0}\n',
        "row 2 (line 2)",
        "the text is null or missing",
        '{"text": null, "label": 1}\n',
    ),
    "missing label": (
        "r.jsonl",
        '{"text": "Good", "label": 1}\n{"text": "Meh"}\n{"text": "Bad", "label": 0}\n',
        "row 2 (line 2)",
        "the label is null or missing",
        '{"text": "Meh"}\n',
    ),
    "wrong type of text": (
        "r.jsonl",
        '{"text": "Good", "label": 1}\n{"text": 5, "label": 1}\n{"text": "Bad", "label": 0}\n',
        "row 2 (line 2)",
        "the text is 5, a int and not a string",
        '{"text": 5, "label": 1}\n',
    ),
    "wrong type of label": (
        "r.jsonl",
        '{"text": "Good", "label": 1}\n{"text": "Meh", "label": 0.5}\n{"text": "Bad", "label": 0}\n',
        "row 2 (line 2)",
        "the label is 0.5, a float; expected a string or an integer",
        '{"text": "Meh", "label": 0.5}\n',
    ),
    "half a surrogate pair": (
        "r.jsonl",
        '{"text": "Good", "label": 1}\n{"text": "\\ud83d", "label": 1}\n{"text": "Bad", "label": 0}\n',
        "row 2 (line 2)",
        "the text holds half of a surrogate pair, which is no Unicode character",
        '{"text": "\\ud83d", "label": 1}\n',
    ),
    "undecodable JSON": (
        "r.jsonl",
        b'{"text": "Good", "label": 1}\n{"text": "\xff", "label": 1}\n{"text": "Bad", "label": 0}\n',
        "row 2 (line 2)",
        "byte 0xff at character 11 is undecodable as utf-8 (ingest.encoding)",
        '{"text": "\\xff", "label": 1}\n',
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_row_stops_the_ingest_or_is_set_aside_with_its_place_reason_and_content(tmp_path, fault):
    name, content, place, reason, raw = FAULTS[fault]
    source = write(tmp_path / name, content)
    with pytest.raises(DataError) as error:
        run_unsplit(tmp_path, source)
    message = str(error.value)
    assert f"1 of 3 rows were rejected, ingest.max_rejected allows 0. First: {name} {place}: {reason}." in message
    assert "set ingest.max_rejected = 1" in message
    expected = [{"place": f"{name} {place}", "reason": reason, "raw": raw}]
    assert rejects(newest_out(tmp_path)) == expected

    examples = run_unsplit(tmp_path, source, max_rejected=1)
    assert rejects(examples.path) == expected
    assert texts(examples) == ["Good", "Bad"]
    assert (examples.summary.rows_in, examples.summary.rejected) == (3, 1)


def test_an_undecodable_row_of_utf16_keeps_its_bytes(tmp_path):
    content = "text,label\nGood,1\nBad,0\n".encode("utf-16-le") + b"\x41\xdc" + ",1\n".encode("utf-16-le")
    source = write(tmp_path / "r.csv", b"\xff\xfe" + content)
    examples = run_unsplit(tmp_path, source, encoding="utf-16", max_rejected=1)
    assert rejects(examples.path)[0]["raw"] == "\\x41\\xdc,1\n"


def test_an_unknown_label_names_the_known_ones_and_the_nearest(tmp_path):
    source = write(tmp_path / "r.csv", HEADER + "Good,positive\nMeh,postive\nBad,negative\n")
    params = {"class_names": ["negative", "positive"]}
    known = "known are 'negative', 'positive', '0', '1'"
    message = rf"r\.csv row 2 \(line 3\): unknown label 'postive'; {known} \(nearest: 'positive'\)"
    with pytest.raises(DataError, match=message):
        run_unsplit(tmp_path, source, **params)
    assert texts(run_unsplit(tmp_path, source, max_rejected=1, **params)) == ["Good", "Bad"]


def test_a_bad_row_of_parquet_is_set_aside_with_its_values(tmp_path):
    bad_bytes = pa.array([b"Good", b"Caf\xe9", None, b" ", b"Bad"]).cast(pa.binary())
    text = pa.StringArray.from_buffers(5, *bad_bytes.buffers()[1:], bad_bytes.buffers()[0])
    table = pa.table({"text": text, "label": pa.array([1.0, 1.0, 0.0, 0.0, None])})
    pq.write_table(table, tmp_path / "r.parquet")
    with pytest.raises(DataError, match=r"4 of 5 rows.*First: r\.parquet row 2: byte 0xe9 at character 4"):
        run_unsplit(tmp_path, tmp_path / "r.parquet", class_names=["0", "1"], max_rejected=3)
    examples = run_unsplit(tmp_path, tmp_path / "r.parquet", class_names=["0", "1"], max_rejected=4)
    assert [(reject["place"], reject["raw"]) for reject in rejects(examples.path)] == [
        ("r.parquet row 2", {"text": "Caf\\xe9", "label": 1.0}),
        ("r.parquet row 3", {"text": None, "label": 0.0}),
        ("r.parquet row 4", {"text": " ", "label": 0.0}),
        ("r.parquet row 5", {"text": "Bad", "label": None}),
    ]


def test_a_bad_text_of_a_folder_tree_is_set_aside(tmp_path):
    for name, content in {"neg/1": b"Bad", "neg/2": b"\xff", "pos/1": b"Good", "pos/2": b""}.items():
        path = tmp_path / "tree/train" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    examples = run_unsplit(tmp_path, tmp_path / "tree", max_rejected=2)
    assert [(reject["place"], reject["raw"]) for reject in rejects(examples.path)] == [
        ("train/neg/2.txt", "\\xff"),
        ("train/pos/2.txt", ""),
    ]


def test_rejects_of_all_files_are_counted_together_and_listed_in_order(tmp_path):
    for name in "cab":
        write(tmp_path / f"{name}.csv", HEADER + "Good,1\n,0\nBad,0\n")
    with pytest.raises(
        DataError, match=r"3 of 9 rows were rejected, ingest.max_rejected allows 2. First: a\.csv row 2"
    ):
        run_unsplit(tmp_path, tmp_path / "*.csv", max_rejected=2)
    assert [reject["place"][:5] for reject in rejects(newest_out(tmp_path))] == ["a.csv", "b.csv", "c.csv"]
    assert run_unsplit(tmp_path, tmp_path / "*.csv", max_rejected=3).summary.rejected == 3


def test_a_failed_ingest_leaves_the_rejected_rows_and_nothing_else(tmp_path):
    source = write(tmp_path / "r.csv", HEADER + "Good,1\n,0\n")
    with pytest.raises(DataError):
        run_unsplit(tmp_path, source)
    assert [path.name for path in newest_out(tmp_path).iterdir()] == ["rejected.jsonl"]
