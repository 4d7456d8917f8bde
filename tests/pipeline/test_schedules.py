"""The files in pipeline/schedules, read by those who would run them as far as they are on this machine."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from pipeline.cli import app

PROJECT = Path(__file__).parents[2]
SCHEDULES = PROJECT / "pipeline" / "schedules"
NEEDS_SYSTEMD = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
NEEDS_CRON = pytest.mark.skipif(shutil.which("crontab") is None, reason="crontab is not installed")


def settings(unit):
    """Key -> values of a systemd unit, whatever the section."""
    found = {}
    for key, value in re.findall(r"^([A-Za-z]+)=(.*)$", (SCHEDULES / unit).read_text(), re.MULTILINE):
        found.setdefault(key, []).append(value)
    return found


def cron_entry():
    """(time, user, command) of the only entry."""
    lines = (SCHEDULES / "glovebeam.cron").read_text().splitlines()
    (entry,) = [line for line in lines if line and not re.match(r"#|[A-Z]+(_[A-Z]+)*=", line)]
    *time, user, command = entry.split(None, 6)
    return time, user, command


def container_instructions():
    """(instruction, its text) of the container file, with lines that go on joined."""
    text = re.sub(r"\\\n\s*", "", (SCHEDULES / "Containerfile").read_text())
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line and not line.startswith("#")]


def parse(command):
    """Let the command line read a command, as it would when called; raises on an unknown command or option."""
    program, name, *arguments = shlex.split(command)
    assert Path(program).name == "glovebeam"
    typer.main.get_command(app).commands[name].make_context(name, arguments)


@NEEDS_SYSTEMD
def test_systemd_takes_the_units(tmp_path):
    for unit in ("glovebeam.service", "glovebeam.timer"):
        text = (SCHEDULES / unit).read_text()
        (tmp_path / unit).write_text(text.replace("/opt/glovebeam/.venv/bin/glovebeam", sys.executable))
    units = [str(tmp_path / "glovebeam.service"), str(tmp_path / "glovebeam.timer")]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@NEEDS_SYSTEMD
def test_systemd_knows_when(tmp_path):
    for calendar in settings("glovebeam.timer")["OnCalendar"]:
        done = subprocess.run(["systemd-analyze", "calendar", calendar], capture_output=True, text=True)
        assert "Next elapse" in done.stdout


def test_systemd_calls_commands_that_there_are():
    service = settings("glovebeam.service")
    for command in (*service["ExecStart"], *service["ExecStartPost"]):
        parse(command)


def test_for_systemd_a_refused_candidate_is_no_failure_and_a_wrong_config_is_not_tried_again():
    service = settings("glovebeam.service")
    assert "4" in service["SuccessExitStatus"][0].split()
    assert service["Restart"] == ["on-failure"]
    assert service["RestartPreventExitStatus"] == ["2 3"]


@NEEDS_CRON
def test_crontab_takes_the_entry(tmp_path):
    time, _, command = cron_entry()  # a user's own table has no column for the user
    (tmp_path / "table").write_text(f"{' '.join(time)} {command}\n")
    usage = subprocess.run(["crontab", "-h"], capture_output=True, text=True)
    check = "-n" if "dry run" in usage.stdout + usage.stderr else "-T"  # Debian's cron, or cronie
    done = subprocess.run(["crontab", check, str(tmp_path / "table")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_cron_entry_has_a_time_a_user_and_no_percent_sign():
    time, user, command = cron_entry()
    assert all(re.fullmatch(r"\*|\d+", field) for field in time)
    assert user == "glovebeam"
    assert "%" not in command  # cron would make a new line of it
    assert (SCHEDULES / "glovebeam.cron").read_text().endswith("}\n")  # without the last newline cron drops the line


@pytest.mark.parametrize("exit_code", [0, 4])
def test_cron_mails_the_line_of_the_run_and_clears_up_also_after_a_refused_candidate(tmp_path, exit_code):
    command = cron_entry()[2].replace("cd /var/lib/glovebeam", f"cd {tmp_path}")
    stub = tmp_path / "glovebeam"
    stub.write_text(f'#!/bin/sh\necho "$@" >> called\necho "out of $1"\n[ "$1" != run ] || exit {exit_code}\n')
    stub.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(["/bin/sh", "-c", command], env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("out of show\n", "")
    called = (tmp_path / "called").read_text().splitlines()
    assert [line.split()[0] for line in called] == ["run", "show", "clean"]
    for line in called:
        parse(f"glovebeam {line}")


def test_the_container_file_has_known_instructions_and_copies_what_there_is():
    instructions = container_instructions()
    assert instructions[0][0] == "FROM"
    known = {"FROM", "COPY", "RUN", "USER", "WORKDIR", "VOLUME", "ENV", "ENTRYPOINT", "CMD"}
    assert {name for name, _ in instructions} <= known
    for name, text in instructions:
        if name == "COPY":
            *sources, _ = text.split()
            assert all((PROJECT / source).exists() for source in sources)
        if name == "RUN":
            assert subprocess.run(["/bin/sh", "-n", "-c", text]).returncode == 0


def test_the_container_copies_all_that_is_installed():
    copied = " ".join(text for name, text in container_instructions() if name == "COPY")
    setup = (PROJECT / "setup.py").read_text()
    (packages,) = re.findall(r"find_packages\(include=\[(.*?)\]\)", setup)
    for package in re.findall(r'"(\w+)', packages):
        assert package in copied.split()


def test_the_container_calls_a_command_that_there_is():
    instructions = dict(container_instructions())
    parse(shlex.join(json.loads(instructions["ENTRYPOINT"]) + json.loads(instructions["CMD"])))


def test_the_readme_names_every_file():
    readme = (SCHEDULES / "README.md").read_text()
    assert [path.name for path in SCHEDULES.iterdir() if path.name not in readme] == ["README.md"]
