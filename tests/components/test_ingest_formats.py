"""Each format a source may have, read to the same rows."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.beam_options import BeamOptions
from components.reading import units
from components.sources import IngestParams, find_source
from tests.components.ingest_helpers import digests, rows, run, run_unsplit, texts, triples

REVIEWS = [("Good, very good", "pos"), ('He said "no"\nand left', "neg"), ("Café ☕", "pos")]


def named(name, reviews=REVIEWS):
    return [(f"{name}:{row}", *review) for row, review in enumerate(reviews, start=1)]


def csv_text(delimiter=",", reviews=REVIEWS, end="\n"):
    quoted = [f'"{text.replace(chr(34), chr(34) * 2)}"{delimiter}{label}' for text, label in reviews]
    return end.join([f"text{delimiter}label", *quoted, ""])


def jsonl_text(reviews=REVIEWS):
    return "".join(json.dumps({"text": text, "label": label}, ensure_ascii=False) + "\n" for text, label in reviews)


@pytest.mark.parametrize(
    ("name", "content", "params"),
    [
        ("r.csv", csv_text().encode(), {}),
        ("r.csv", csv_text(end="\r\n").encode(), {}),
        ("r.csv", b"\xef\xbb\xbf" + csv_text().encode(), {}),
        (
            "r.csv",
            csv_text(";").encode("cp1252", "replace").replace(b"?", b"\x95"),
            {"delimiter": ";", "encoding": "cp1252"},
        ),
        ("r.csv", csv_text().encode("utf-16"), {"encoding": "utf-16"}),
        ("r.csv.gz", gzip.compress(csv_text().encode(), mtime=0), {}),
        ("r.CSV.GZ", gzip.compress(csv_text().encode(), mtime=0), {}),
        ("r.tsv", csv_text("\t").encode(), {}),
        ("r.tsv.gz", gzip.compress(csv_text("\t").encode(), mtime=0), {}),
        ("r.txt", csv_text("|").encode(), {"format": "csv", "delimiter": "|"}),
        ("r.jsonl", jsonl_text().encode(), {}),
        ("r.jsonl", jsonl_text().removesuffix("\n").encode("utf-8-sig"), {}),
        ("r.jsonl", jsonl_text().encode("utf-16"), {"encoding": "utf-16"}),
        ("r.jsonl.gz", gzip.compress(jsonl_text().encode(), mtime=0), {}),
        ("r.ndjson", jsonl_text().replace("\n", "\r\n").encode(), {}),
    ],
)
def test_a_text_file_gives_its_rows(tmp_path, name, content, params):
    (tmp_path / name).write_bytes(content)
    expected = named(name)
    if params.get("encoding") == "cp1252":
        expected[2] = (expected[2][0], "Café •", "pos")
    assert triples(run_unsplit(tmp_path, tmp_path / name, **params)) == expected


def test_without_a_quote_character_quotes_are_text(tmp_path):
    (tmp_path / "r.tsv").write_text('text\tlabel\n"Oh\t0\nno" he said\t1\n')
    assert texts(run_unsplit(tmp_path, tmp_path / "r.tsv", quote="")) == ['"Oh', 'no" he said']


def test_another_quote_character_is_taken(tmp_path):
    (tmp_path / "r.csv").write_text("text,label\n'It''s, well',0\n\"ok\",1\n")
    assert texts(run_unsplit(tmp_path, tmp_path / "r.csv", quote="'")) == ["It's, well", '"ok"']


def test_columns_are_found_by_name_in_each_file(tmp_path):
    (tmp_path / "a.csv").write_text("stars,review\n5,Good\n")
    (tmp_path / "b.csv").write_text("review,id,stars\nBad,x,1\n")
    (tmp_path / "c.jsonl").write_text('{"stars": 3, "review": "Meh"}\n')
    examples = run_unsplit(tmp_path, tmp_path / "*.*", text_column="review", label_column="stars")
    assert triples(examples) == [("a.csv:1", "Good", "5"), ("b.csv:1", "Bad", "1"), ("c.jsonl:1", "Meh", "3")]


def test_blank_lines_are_no_rows(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\n\nGood,1\n\n\nBad,0\n\n")
    (tmp_path / "b.jsonl").write_text('\n{"text": "Meh", "label": 1}\n  \n')
    examples = run_unsplit(tmp_path, tmp_path / "*.*")
    assert [row["example_id"] for row in rows(examples)] == ["a.csv:1", "a.csv:2", "b.jsonl:2"]
    assert examples.summary.rows_in == 3


def test_json_values_become_strings(tmp_path):
    lines = [
        {"text": "a", "label": 1, "user": None, "more": [1, "é"]},
        {"text": "b", "label": 0.0, "user": "u"},
        {"text": "c", "label": "1", "user": 7, "more": True},
    ]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    examples = run_unsplit(tmp_path, tmp_path / "r.jsonl", keep_columns=["user", "more"])
    assert [tuple(row.values())[1:] for row in rows(examples)] == [
        ("a", 1, None, '[1, "é"]'),
        ("b", 0, "u", None),
        ("c", 1, "7", "true"),
    ]


@pytest.mark.parametrize(("unit_bytes", "end"), [(1, "\n"), (40, ""), (1000, "\n"), (10**9, "")])
def test_json_lines_cut_anywhere_give_the_same_rows(tmp_path, monkeypatch, unit_bytes, end):
    reviews = [("é" * (n % 40) + f" {n}", str(n % 2)) for n in range(60)]
    content = "\n".join(json.dumps({"text": text, "label": label}, ensure_ascii=False) for text, label in reviews)
    (tmp_path / "r.jsonl").write_text(content.replace("\n", "\n\n", 3) + end)
    whole = run(tmp_path, tmp_path / "r.jsonl")
    monkeypatch.setattr(units, "JSONL_UNIT_BYTES", unit_bytes)
    params = IngestParams(source=str(tmp_path / "r.jsonl"))
    count = len(units.plan_units(find_source(params), params))
    assert (count > 1) == (unit_bytes < len(content.encode()))
    assert digests(run(tmp_path, tmp_path / "r.jsonl", BeamOptions(workers=2, mode="multi_threading"))) == digests(
        whole
    )


TEXTS = [text for text, _ in REVIEWS]


@pytest.mark.parametrize(
    ("text", "labels", "names"),
    [
        (pa.array(TEXTS), pa.array([1, 0, 1], pa.int8()), ["1", "0", "1"]),
        (pa.array(TEXTS, pa.large_string()), pa.array([1.0, 0.0, 1.0]), ["1", "0", "1"]),
        (pa.array(TEXTS, pa.string_view()), pa.array([True, False, True]), ["true", "false", "true"]),
        (pa.array(TEXTS).dictionary_encode(), pa.array(["p", "n", "p"]).dictionary_encode(), ["p", "n", "p"]),
        (pa.array(TEXTS).cast(pa.binary()), pa.array(["p", "n", "p"], pa.large_string()), ["p", "n", "p"]),
    ],
    ids=["int", "float", "bool", "dictionary", "binary"],
)
def test_parquet_columns_of_any_fitting_type_are_read(tmp_path, text, labels, names):
    pq.write_table(pa.table({"label": labels, "text": text}), tmp_path / "r.parquet")
    expected = [(f"r.parquet:{row}", TEXTS[row - 1], name) for row, name in enumerate(names, start=1)]
    assert triples(run_unsplit(tmp_path, tmp_path / "r.parquet")) == expected


def test_parquet_rows_are_numbered_through_its_row_groups(tmp_path):
    table = pa.table({"text": [f"t{n}" for n in range(10)], "label": [n % 2 for n in range(10)]})
    pq.write_table(table, tmp_path / "r.parquet", row_group_size=3)
    params = IngestParams(source=str(tmp_path / "r.parquet"))
    assert len(units.plan_units(find_source(params), params)) == 4
    examples = run_unsplit(tmp_path, tmp_path / "r.parquet")
    assert [(row["example_id"], row["text"]) for row in rows(examples)] == [
        (f"r.parquet:{n + 1}", f"t{n}") for n in range(10)
    ]
