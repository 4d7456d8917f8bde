"""What ``--setup_file ./setup.py`` brings to workers that have this project's libraries, but not this project."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

PACKAGES = ("schemas", "components", "pipeline")


def test_the_package_that_beam_ships_holds_every_module_and_data_file_and_can_be_imported(tmp_path):
    repository = Path(__file__).parents[2]
    source = tmp_path / "source"
    for package in PACKAGES:
        shutil.copytree(repository / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(repository / name, source)
    expected = {path.relative_to(source) for package in PACKAGES for path in (source / package).rglob("*.*")}

    command = [sys.executable, "setup.py", "--quiet", "sdist", "--formats=gztar", "--dist-dir", str(tmp_path / "dist")]
    subprocess.run(command, cwd=source, check=True, capture_output=True)  # as Beam's stager calls it
    (archive,) = (tmp_path / "dist").iterdir()
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "worker", filter="data")
    (worker,) = (tmp_path / "worker").iterdir()

    assert expected <= {path.relative_to(worker) for path in worker.rglob("*.*")}
    code = "import components.encode, components.ingest; print(components.encode.__file__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=worker, check=True, capture_output=True, text=True)
    assert Path(done.stdout.strip()).is_relative_to(worker)
