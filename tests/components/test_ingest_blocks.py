"""Blocks that are read as columns give the very rows, ids and rejects that reading record by record gives."""

import json
import random

import pytest

from components.reading import csv_files, json_lines, parts
from tests.components.ingest_helpers import digests, run, triples

HEADER = ("text", "label", "note")
TEXTS = ["good", "", " ", "two\nlines", 'a "quoted" word', "comma, comma", "naïve \u2028 text", "bad\r\nend", "x" * 300]
LABELS = ["0", "1", "1 ", ""]


def sound_csv(rng, end):
    lines = [",".join(field(rng, choices) for choices in (TEXTS, LABELS, TEXTS)) for _ in range(60)]
    for place in rng.sample(range(60), 3):
        lines[place] = rng.choice(["", "too,few", "one,two,three,four"])
    return end.join([",".join(HEADER), *lines]) + rng.choice(["", end])


def field(rng, choices):
    value = rng.choice(choices)
    is_quoted = set(value) & set(',"\r\n') or rng.random() < 0.5
    return '"{}"'.format(value.replace('"', '""')) if is_quoted else value


def json_text(rng):
    lines = []
    for _ in range(80):
        row = {"text": rng.choice(TEXTS), "label": rng.choice([0, 1, "1"] if rng.random() < 0.1 else [0, 1])}
        line = json.dumps({**row, "note": rng.choice(TEXTS)}, ensure_ascii=rng.random() < 0.5)
        odd = [
            "",
            "[1]",
            "{",
            line + line,
            " " + line,
            line[:-1] + ',"text":null}',
            '{"text": "half',
            ' pair", "label": 0}',
        ]
        lines.append(rng.choice(odd) if rng.random() < 0.03 else line)
    return "\n".join(lines) + rng.choice(["", "\n"])


def outcome(tmp_path, path):
    return digests(run(tmp_path, path, max_rejected=1000, keep_columns=("note",), rows_per_shard=20))


def one_by_one(monkeypatch):
    monkeypatch.setattr(parts, "take_columns", lambda *_: None)
    for module in (csv_files, json_lines):
        monkeypatch.setattr(module, "BLOCK_BYTES", 1 << 30)


@pytest.mark.parametrize("block_bytes", [64, 700, 1 << 20])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("quote_amiss", [False, True])
def test_csv_in_blocks_is_csv_record_by_record(tmp_path, monkeypatch, block_bytes, end, quote_amiss):
    rng = random.Random(f"{block_bytes} {end} {quote_amiss}")
    text = sound_csv(rng, end)
    if quote_amiss:
        place = rng.randrange(len(text) // 2, len(text))
        text = text[:place] + '"' + text[place:]
    (tmp_path / "r.csv").write_bytes("\ufeff".encode() * rng.randrange(2) + text.encode())
    monkeypatch.setattr(csv_files, "BLOCK_BYTES", block_bytes)
    found = outcome(tmp_path, tmp_path / "r.csv")
    one_by_one(monkeypatch)
    assert found == outcome(tmp_path, tmp_path / "r.csv")


@pytest.mark.parametrize("block_bytes", [64, 3000, 1 << 20])
@pytest.mark.parametrize("seed", range(3))
def test_json_lines_in_blocks_are_json_lines_one_by_one(tmp_path, monkeypatch, block_bytes, seed):
    rng = random.Random(seed)
    (tmp_path / "r.jsonl").write_bytes("\ufeff".encode() * rng.randrange(2) + json_text(rng).encode())
    monkeypatch.setattr(json_lines, "BLOCK_BYTES", block_bytes)
    found = outcome(tmp_path, tmp_path / "r.jsonl")
    one_by_one(monkeypatch)
    assert found == outcome(tmp_path, tmp_path / "r.jsonl")


@pytest.mark.parametrize(
    "lines",
    [
        '{"text":"a","label":0}{"text":"b","label":1}',
        '{"text":"a",\n"label":0}{"text":"b","label":1}',
        '{"text":"a","label":0,"x":\n{"y":1}}{"text":"b","label":1}',
    ],
)
def test_an_object_has_a_line_of_its_own(tmp_path, lines):
    sound = '{"text": "good", "label": 1}\n'
    other = '{"text": "bad", "label": 0}\n'
    (tmp_path / "r.jsonl").write_text(sound + lines + "\n" + other)
    examples = run(tmp_path, tmp_path / "r.jsonl", max_rejected=9, validation_fraction=0, test_fraction=0)
    rejected = 1 + lines.count("\n")
    assert [example_id for example_id, *_ in triples(examples)] == ["r.jsonl:1", f"r.jsonl:{2 + rejected}"]
    assert examples.summary.rejected == rejected
