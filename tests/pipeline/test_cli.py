"""The command line with the real components, from a first run to predictions."""

import json
import re
import shutil
import subprocess
import sys

import pytest

from tests.pipeline.command_line import (
    ALL_STEPS,
    CONFIG,
    HEAVY,
    WORDS,
    glovebeam,
    one_paragraph,
    run_config,
    steps,
    tiny_reviews,
    write_reviews,
)


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


def test_a_run_tells_each_step_with_rows_time_and_artifact_then_metrics_blessing_and_version(first_run):
    assert first_run.returncode == 0, first_run.stderr
    assert first_run.stderr == ""
    assert steps(first_run.stdout) == dict.fromkeys(ALL_STEPS, "run")
    lines = first_run.stdout.splitlines()
    (encode,) = [line for line in lines if line.startswith("encode: ")]
    (artifact,) = (first_run.folder / "root" / "artifacts" / "encode").iterdir()
    assert encode.startswith("encode: run (first run), 120 rows, ")
    assert encode.endswith(f" s, root/artifacts/encode/{artifact.name}")
    assert any(re.match(r"metrics: accuracy 0\.\d{4} \(95 %: 0\.\d{4} to 0\.\d{4}\), auc ", line) for line in lines)
    figure = r"[01]\.\d{4} \(95 %: 0\.\d{4} to [01]\.\d{4}\)"
    floor = rf"linear floor: accuracy {figure} on the tokens the model sees, {figure} on the full texts"
    assert any(re.fullmatch(floor, line) for line in lines)
    assert "blessing: blessed" in lines
    assert "pushed: version 1, root/serving/1" in lines
    assert lines[-1] == 'next: glovebeam predict --root root "a wonderful film"'


def test_no_noise_of_the_libraries_reaches_the_user(first_run):
    told = (*ALL_STEPS, "metrics", "linear floor", "blessing", "pushed", "done in", "next", "  passed")
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


def test_the_metrics_file_and_the_line_tell_what_serves_after_the_run(first_run):
    run = json.loads(glovebeam("runs", "--root", "root", "--json", cwd=first_run.folder).stdout)[-1]
    line = glovebeam("show", run["run_id"], "--line", "--root", "root", cwd=first_run.folder).stdout
    accuracy = f"accuracy {run['metrics']['accuracy']:.4f}"
    assert re.fullmatch(rf"glovebeam: done, version 1 serves, {accuracy}, 120 rows, .+, run {run['run_id']}\n", line)
    metrics = (first_run.folder / "root" / "metrics.prom").read_text()
    for name in ("candidate", "serving"):
        assert re.search(
            rf'^glovebeam_accuracy{{root=".*",model="{name}"}} {run["metrics"]["accuracy"]}$', metrics, re.M
        )
    assert re.search(rf'^glovebeam_rows{{root=".*",split="train"}} {run["rows"]["train"]}$', metrics, re.M)


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


def test_versions_tells_which_one_serves_from_which_data_with_which_metrics_and_why_it_was_blessed(first_run):
    (version,) = json.loads(glovebeam("versions", "--root", "root", "--json", cwd=first_run.folder).stdout)
    assert (version["version"], version["path"], version["present"], version["serves"]) == (1, "serving/1", True, True)
    assert (version["sources"], sum(version["rows"].values())) == (["reviews.csv"], 120)
    assert version["accuracy"] == version["metrics"]["accuracy"]
    assert version["blessing"]["blessed"] is True
    lines = glovebeam("versions", "--root", "root", cwd=first_run.folder).stdout.splitlines()
    assert re.fullmatch(r"1 +\d{4}-\d\d-\d\d \d\d:\d\d +[01]\.\d{4} +120 rows of reviews.csv +run .+ serves", lines[1])
    assert "  passed not_worse: there is no serving model to compare with" in lines


def test_a_rollback_publishes_an_earlier_model_that_then_answers(first_run, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(first_run.folder, folder)
    run_config(folder, "--set", "train.seed=1", "--set", "evaluate.linear_floor=none")
    done = glovebeam("rollback", "1", "--root", "root", "--json", cwd=folder)
    assert json.loads(done.stdout) == {"version": 3, "restores": 1, "replaces": 2}
    first, third = (
        glovebeam("predict", "a lovely film", "--version", version, "--root", "root", "--json", cwd=folder).stdout
        for version in ("1", "3")
    )
    assert first == third
    assert "note: nothing to publish: version 3 serves this model since the rollback" in run_config(folder).stdout
    refused = glovebeam("rollback", "7", "--root", "root", cwd=folder)
    assert (refused.returncode, "There are: 1, 2, 3." in one_paragraph(refused)) == (2, True)


def test_predict_answers_each_line_of_stdin(first_run):
    done = glovebeam("predict", "-", "--root", "root", "--json", cwd=first_run.folder, stdin="a lovely film\nawful\n")
    assert done.stderr == ""
    answers = json.loads(done.stdout)
    assert [(answer["text"], answer["label"]) for answer in answers] == [("a lovely film", "good"), ("awful", "bad")]
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
        done = run_config(folder, "--set", "evaluate.min_accuracy=1.0", "--set", "train.seed=1")
        assert done.returncode == 4
        assert steps(done.stdout)["evaluate"] == state
        assert "not blessed, so nothing was pushed" in done.stderr
        assert "is below evaluate.min_accuracy = 1" in done.stderr
        assert "ALARM: what is served fails on the same examples, too: accuracy" in done.stderr
    assert [path.name for path in (folder / "root" / "serving").iterdir()] == ["1"]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (
            ["train.learning_rate=1e-6", "evaluate.min_accuracy=0"],
            r"not_worse: accuracy 0\.\d+ against 0\.\d+ of the serving model on the same examples; \d+ right where "
            r"that is wrong, \d+ wrong where that is right: significantly worse \(p = [\d.e-]+, "
            r"evaluate.significance = 0.05\)",
        ),
        (
            ["train.seed=1", "evaluate.equal_model=refuse"],
            r"better: accuracy .* of the serving model on the same examples; .*: not significantly better "
            r"\(p = [\d.e-]+, evaluate.significance = 0.05, evaluate.equal_model = 'refuse'\)",
        ),
    ],
)
def test_a_worse_model_is_refused_and_so_is_an_equal_one_where_the_config_says_so(
    first_run, tmp_path, settings, reason
):
    folder = tmp_path / "copy"
    shutil.copytree(first_run.folder, folder)

    done = run_config(folder, *[part for setting in settings for part in ("--set", setting)])

    assert done.returncode == 4, done.stdout
    assert re.search(reason, one_paragraph(done))
    assert [path.name for path in (folder / "root" / "serving").iterdir()] == ["1"]


def test_an_equal_model_is_published_where_the_config_accepts_it(first_run, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(first_run.folder, folder)

    done = run_config(folder, "--set", "train.seed=1", "--set", "evaluate.linear_floor=none")

    assert done.returncode == 0, done.stderr
    assert "linear_floor" not in steps(done.stdout)
    assert "passed beats_linear: there is no linear floor to compare with" in done.stdout
    assert "not significantly worse" in done.stdout
    assert "pushed: version 2" in done.stdout


def test_data_that_breaks_a_rule_stops_the_run_with_exit_3_and_again_from_the_cache(first_run, tmp_path):
    for name in ("reviews.csv", "glovebeam.toml"):
        shutil.copy(first_run.folder / name, tmp_path)
    for state in ("run", "cached"):
        done = run_config(tmp_path, "--set", "ingest.test_fraction=0")
        assert done.returncode == 3, done.stdout
        assert "validate: the data breaks 1 rule of the schema: test: " in one_paragraph(done)
        assert steps(done.stdout) == {"ingest": state, "validate": state}


def test_the_root_may_come_from_the_environment(first_run):
    done = glovebeam("versions", cwd=first_run.folder, GLOVEBEAM_ROOT="root")
    assert done.stdout.startswith("version  published (UTC)")
