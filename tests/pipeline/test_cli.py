"""The command line with the real components, on a corpus and a GloVe of a few kilobytes."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

HEAVY = ("tensorflow", "keras", "apache_beam", "pyarrow", "sklearn", "tensorflow_datasets", "numpy")

CONFIG = """\
[ingest]
source = "reviews.csv"
test_fraction = 0.3
validation_fraction = 0.2

[text]
max_length = 6

[embed]
source = "glove.txt"
min_coverage = 0.2

[train]
units = 4
batch_size = 8
epochs = 3
learning_rate = 0.05
dropout = 0.0
"""
WORDS = {"good": ("good", "great", "fine", "lovely"), "bad": ("bad", "dull", "poor", "awful")}


def write_reviews(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])


def tiny_reviews(number=120):
    """Each text once; the first word tells the label, but for one text in ten."""
    for i in range(number):
        label = ("bad", "good")[i % 2]
        told = label if i % 10 else "good"
        yield f"{WORDS[told][i // 2 % 4]} film {i}", label


def glovebeam(*arguments, cwd, stdin="", **environment):
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *arguments],
        cwd=cwd, env={**os.environ, "COLUMNS": "80", **environment}, input=stdin, capture_output=True, text=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def first_run(tmp_path_factory):
    """A first run that publishes a model, with the folder it worked in as ``folder``; tests leave that as it is."""
    folder = tmp_path_factory.mktemp("first_run")
    write_reviews(folder / "reviews.csv", tiny_reviews())
    vectors = [f"{word} {sign} 0.1 0 0.5" for label, sign in (("good", 1), ("bad", -1)) for word in WORDS[label]]
    (folder / "glove.txt").write_text("\n".join([*vectors, "film 0 0 1 0"]) + "\n")
    (folder / "glovebeam.toml").write_text(CONFIG)
    done = run_config(folder)
    done.folder = folder
    return done


def run_config(folder, *options, **environment):
    return glovebeam("run", "-c", "glovebeam.toml", "--root", "root", *options, cwd=folder, **environment)


def steps(out):
    """Step -> cached, run or would run."""
    return dict(re.findall(r"^(\w+): (cached|run|would run) \(", out, re.MULTILINE))


ALL_STEPS = ["ingest", "validate", "build_vocabulary", "embed", "encode", "train", "evaluate", "push"]


def test_a_run_tells_each_step_with_rows_time_and_artifact_then_metrics_blessing_and_version(first_run):
    assert first_run.returncode == 0, first_run.stderr
    assert first_run.stderr == ""
    assert steps(first_run.stdout) == dict.fromkeys(ALL_STEPS, "run")
    lines = first_run.stdout.splitlines()
    (encode,) = [line for line in lines if line.startswith("encode: ")]
    (artifact,) = (first_run.folder / "root" / "artifacts" / "encode").iterdir()
    assert encode.startswith("encode: run (first run), 120 rows, ")
    assert encode.endswith(f" s, root/artifacts/encode/{artifact.name}")
    assert any(line.startswith("metrics: accuracy ") for line in lines)
    assert "blessing: blessed" in lines
    assert "pushed: version 1, root/serving/1" in lines
    assert lines[-1] == 'next: glovebeam predict --root root "a wonderful film"'


def test_no_noise_of_the_libraries_reaches_the_user(first_run):
    told = (*ALL_STEPS, "metrics", "blessing", "pushed", "done in", "next", "  passed")
    assert [line for line in first_run.stdout.splitlines() if line and not line.startswith(told)] == []
    assert list((first_run.folder / "root" / "runs").glob("*/log.txt"))


def test_a_second_run_executes_nothing_and_imports_no_heavy_library(first_run):
    program = (
        "import sys; from pipeline.cli import main\n"
        "sys.argv = ['glovebeam', 'run', '-c', 'glovebeam.toml', '--root', 'root']\n"
        "try: main()\n"
        f"finally: print('IMPORTED', *[name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=first_run.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert steps(done.stdout) == dict.fromkeys(ALL_STEPS, "cached")
    assert "nothing new" in done.stdout
    assert done.stdout.splitlines()[-1] == "IMPORTED"


def test_help_imports_neither_heavy_libraries_nor_components(first_run):
    program = (
        "import sys; from pipeline.cli import main\n"
        "sys.argv = ['glovebeam', '--help']\n"
        "try: main()\n"
        f"finally: print('IMPORTED', *[n for n in {(*HEAVY, 'pydantic', 'components', 'sqlite3')} if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "IMPORTED"
    assert done.stdout.index("glovebeam run") < done.stdout.index("Options")


def test_run_json_names_steps_metrics_blessing_and_version(first_run):
    record = json.loads(glovebeam("show", "--root", "root", "--json", cwd=first_run.folder).stdout)
    first = json.loads(glovebeam("runs", "--root", "root", "--json", cwd=first_run.folder).stdout)[-1]
    assert [step["name"] for step in record["steps"]] == ALL_STEPS
    executed = {step["name"]: step for step in first["steps"]}
    assert executed["encode"]["state"] == "executed"
    assert executed["encode"]["reason"] == "first run"
    assert (executed["encode"]["rows_in"], executed["encode"]["rows_out"]) == (120, 120)
    assert (first_run.folder / "root" / executed["encode"]["artifact"] / "encoding.json").exists()
    assert first["metrics"]["accuracy"] > 0.5
    assert first["blessing"]["blessed"] is True
    assert all(check["reason"] for check in first["blessing"]["checks"])
    assert (first["pushed_version"], first["state"], first["exit_code"]) == (1, "done", 0)


def test_changed_epochs_would_run_train_evaluate_and_push_alone_and_say_why(first_run):
    done = run_config(first_run.folder, "--dry-run", "--set", "train.epochs=4")
    assert "train: would run (params.epochs 3 -> 4)" in done.stdout
    plan = steps(done.stdout)
    assert [step for step, text in plan.items() if text == "would run"] == ["train", "evaluate", "push"]


def test_lineage_goes_down_to_the_source_files(first_run):
    tree = json.loads(glovebeam("lineage", "serving/1", "--root", "root", "--json", cwd=first_run.folder).stdout)
    assert tree["type"] == "PushedModel"
    encoded = tree["made_from"]["model"]["made_from"]["encoded"]
    examples = encoded["made_from"]["examples"]
    assert [node["artifact"] for node in examples["made_from"].values()] == ["reviews.csv"]
    text = glovebeam("lineage", "train", "--root", "root", cwd=first_run.folder).stdout
    assert "reviews.csv: sha256 " in text
    assert "glove.txt: sha256 " in text
    assert "used by:" in text


def test_versions_are_listed(first_run):
    (version,) = json.loads(glovebeam("versions", "--root", "root", "--json", cwd=first_run.folder).stdout)
    assert (version["version"], version["path"], version["present"]) == (1, "serving/1", True)
    assert "1        " in glovebeam("versions", "--root", "root", cwd=first_run.folder).stdout


def test_predict_answers_texts_from_the_command_line_and_from_stdin(first_run):
    done = glovebeam("predict", "a lovely film", "awful", "--root", "root", cwd=first_run.folder)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["good", "bad"]
    assert done.stderr == ""
    piped = glovebeam("predict", "-", "--root", "root", "--json", cwd=first_run.folder, stdin="a lovely film\nawful\n")
    answers = json.loads(piped.stdout)
    assert [answer["label"] for answer in answers] == ["good", "bad"]
    assert all(sum(answer["probability"].values()) == pytest.approx(1, abs=1e-6) for answer in answers)


def test_predict_answers_a_file(first_run, tmp_path):
    write_reviews(tmp_path / "in.csv", [("a lovely film", "?"), ("awful", "?")])
    files = ["--input", str(tmp_path / "in.csv"), "--output", str(tmp_path / "out.jsonl")]
    done = glovebeam("predict", *files, "--root", "root", cwd=first_run.folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'out.jsonl'}: 2 rows\n"
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2


def test_a_model_that_is_not_blessed_is_not_pushed_now_and_from_the_cache(first_run, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(first_run.folder, folder)
    for state in ("run", "cached"):
        done = run_config(folder, "--set", "evaluate.min_accuracy=1.0")
        assert done.returncode == 4
        assert steps(done.stdout)["evaluate"] == state
        assert "not blessed, so nothing was pushed" in done.stderr
        assert "is below evaluate.min_accuracy = 1" in done.stderr
    assert [path.name for path in (folder / "root" / "serving").iterdir()] == ["1"]


def one_paragraph(done):
    """The message of a run that failed; asserts that it is one and no traceback."""
    assert "Traceback" not in done.stderr + done.stdout
    (message,) = done.stderr.splitlines()
    assert message.startswith("glovebeam: ")
    return message


def test_data_that_breaks_a_rule_stops_the_run_with_exit_3_and_again_from_the_cache(first_run, tmp_path):
    for name in ("reviews.csv", "glovebeam.toml"):
        shutil.copy(first_run.folder / name, tmp_path)
    for state in ("run", "cached"):
        done = run_config(tmp_path, "--set", "ingest.test_fraction=0")
        assert done.returncode == 3, done.stdout
        assert "validate: the data breaks 1 rule of the schema: test: " in one_paragraph(done)
        assert steps(done.stdout) == {"ingest": state, "validate": state}


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


def test_the_root_may_come_from_the_environment(first_run):
    done = glovebeam("versions", cwd=first_run.folder, GLOVEBEAM_ROOT="root")
    assert "serving" not in done.stdout
    assert done.stdout.startswith("version  accuracy")


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
