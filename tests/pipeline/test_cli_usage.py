"""What the command line says where there is nothing to run, or something is wrong."""

import io
import json
import subprocess
import sys

import pytest

from pipeline.terminal.prediction import given_texts
from tests.pipeline.command_line import CONFIG, HEAVY, glovebeam, one_paragraph, run_config, tiny_reviews, write_reviews


def test_help_imports_neither_heavy_libraries_nor_components():
    program = (
        "import sys; from pipeline.cli import main\n"
        "sys.argv = ['glovebeam', '--help']\n"
        "try: main()\n"
        f"finally: print('IMPORTED', *[n for n in {(*HEAVY, 'pydantic', 'components', 'sqlite3')} if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "IMPORTED"
    assert done.stdout.index("glovebeam run") < done.stdout.index("Options")


def test_rejected_rows_are_named_and_kept_with_the_run(tmp_path):
    write_reviews(tmp_path / "reviews.csv", [*tiny_reviews(20), ("", "good")])
    (tmp_path / "glovebeam.toml").write_text(CONFIG)
    done = run_config(tmp_path, "--to", "ingest")
    assert done.returncode == 3
    message = one_paragraph(done)
    assert "reviews.csv" in message
    (rejected,) = (tmp_path / "root" / "runs").glob("*/rejected.jsonl")
    assert str(rejected.relative_to(tmp_path)) in message
    assert len(rejected.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--set", "train.epoch=3"], "unknown key train.epoch. Did you mean train.epochs?"),
        (["run", "-c", "nowhere.toml"], "-c nowhere.toml: there is no such file"),
        (["run", "--root", "taken/root"], "taken is a file, expected a folder"),
        (["run", "--root", "gs://bucket/root"], "an object store cannot rename. Give a folder that all workers share"),
        (
            ["run", "--set", "ingest.source='s3://b/a.csv'"],
            "read from a file system, not from an object store",
        ),
        (["run", "--set", "ingest.source=nowhere.csv"], "nowhere.csv"),
        (["predict", "a text"], "no published model yet"),
        (["predict"], "Give a text"),
        (["predict", "--input", "taken"], "both --input FILE and --output FILE"),
        (["show"], "There is no run in glovebeam-root yet"),
        (["lineage", "train"], "there is no artifact called train"),
        (["init", "nowhere"], "There is no preset nowhere"),
    ],
)
def test_wrong_usage_is_one_paragraph_and_exit_2(tmp_path, arguments, message):
    (tmp_path / "taken").touch()
    done = glovebeam(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in one_paragraph(done)


def test_a_root_that_cannot_be_written_is_one_paragraph_and_exit_1(tmp_path):
    done = glovebeam("run", "--root", "/proc/glovebeam-root", cwd=tmp_path)
    assert done.returncode == 1
    assert "/proc/glovebeam-root" in one_paragraph(done)


def test_init_writes_a_config_that_run_takes_and_overwrites_nothing(tmp_path):
    done = glovebeam("init", cwd=tmp_path)
    assert "default: " in done.stdout
    assert "glovebeam run -c glovebeam.toml" in done.stdout
    written = (tmp_path / "glovebeam.toml").read_text()
    assert (
        glovebeam("run", "-c", "glovebeam.toml", "--set", "ingest.source=x.csv", "--dry-run", cwd=tmp_path).returncode
        == 2
    )
    again = glovebeam("init", cwd=tmp_path)
    assert again.returncode == 2
    assert "glovebeam.toml is there already" in one_paragraph(again)
    assert (tmp_path / "glovebeam.toml").read_text() == written
    assert json.loads(glovebeam("init", "--list", "--json", cwd=tmp_path).stdout)[0]["preset"] == "default"


def test_doctor_finds_a_broken_database_and_says_what_to_do(tmp_path):
    (tmp_path / "glovebeam-root").mkdir()
    (tmp_path / "glovebeam-root" / "metadata.sqlite").write_text(
        "not a database, but long enough to look like one" * 99
    )
    done = glovebeam("doctor", "--json", cwd=tmp_path)
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert done.returncode == 1
    assert checks["root"]["verdict"] == "wrong"
    assert "choose another --root" in checks["root"]["remedy"]
    assert checks["pyarrow"]["verdict"] == "ok"


def test_texts_come_from_the_command_line_or_from_what_is_piped_in(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("one\r\ntw\u00f6\n".encode())))
    assert given_texts(["a text", "another"]) == ["a text", "another"]
    assert given_texts([]) == ["one", "tw\u00f6"]
