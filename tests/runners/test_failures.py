"""What goes wrong on a cluster: the job completes with the same bytes, or says the cause in one line."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.beam_options import BeamOptions
from components.build_vocabulary import BuildVocabularyParams, build_vocabulary
from components.encode import EncodeParams, encode
from schemas.vocabulary import Tokenizer
from tests.runners.cases import CASES, REPOSITORY

IN_PROCESSES = [case for case in CASES if case.has_pool or case.mode == "multi_processing"]
SHARDS, ROWS = 8, 2000


@pytest.fixture
def inputs(write_examples, folder):
    """Examples in eight shards, and their vocabulary."""
    texts = [(f"A good film {number}, a bad cast {number % 97}. " * 20, number % 2) for number in range(SHARDS * ROWS)]
    examples = write_examples({"train": texts}, rows_per_shard=ROWS)
    vocabulary = build_vocabulary(
        examples, Tokenizer(), BuildVocabularyParams(), folder("vocabulary"), BeamOptions()
    )  # fmt: skip
    return examples, vocabulary


@pytest.fixture(params=IN_PROCESSES, ids=[case.name for case in IN_PROCESSES])
def case(request):
    if request.param.missing:
        pytest.skip(request.param.missing)
    return request.param


@contextmanager
def job(inputs, case, out, progress):
    """An encode job under way, its workers in other processes."""
    examples, vocabulary = inputs
    with case.settings(out.parent) as settings:
        beam = {name.removeprefix("beam."): value for name, _, value in (each.partition("=") for each in settings)}
        beam = {name: json.loads(value) if name in ("options", "workers") else value for name, value in beam.items()}
        command = [sys.executable, "-m", "tests.runners.encode_job"]
        arguments = [examples.path, vocabulary.path, out, progress, json.dumps(beam)]
        command += map(str, arguments)
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        with subprocess.Popen(command, cwd=REPOSITORY, **streams) as run:
            yield run


def last_line(run):
    """What a job said at its end."""
    said, _ = run.communicate(timeout=200)
    return said.strip().rpartition("\n")[2]


def undisturbed(inputs, out):
    """The records that encode writes in this process."""
    encode(*inputs, None, EncodeParams(), out, BeamOptions())
    return contents(out)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("examples-*")}


def writers(folder):
    """The processes that have a file below a folder open."""
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if descriptor.readlink().is_relative_to(folder):
                yield int(descriptor.parts[2])
        except OSError:
            continue


def test_a_worker_killed_in_the_middle_of_encode_leaves_no_half_file_and_a_plain_message(
    inputs, case, folder, tmp_path
):
    expected = undisturbed(inputs, folder("undisturbed"))
    out, progress = folder("killed"), tmp_path / "fifo"
    os.mkfifo(progress)
    with job(inputs, case, out, progress) as run:
        with progress.open("rb"):  # opens once a worker, in the middle of a shard, says how far it is
            killed = set(writers(out)) - {run.pid}
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            assert killed
        progress.unlink()
        said = last_line(run)
    written = contents(out)
    assert {name: expected[name] for name in written} == written
    if run.returncode:
        assert said.startswith("GlovebeamError: The Beam job failed: a worker process ended in the middle of its work")
        assert len(written) < len(expected)
    else:
        assert written == expected


def break_a_text(shard):
    """Put a byte that is no UTF-8 into the second text of a Parquet file."""
    table = pq.read_table(shard)
    octets = [value.encode() for value in table["text"].to_pylist()]
    octets[1] = b"a bad \xff film"
    broken = pa.array(octets, pa.binary())
    texts = pa.StringArray.from_buffers(len(broken), *broken.buffers()[1:])
    pq.write_table(table.set_column(table.schema.get_field_index("text"), "text", texts), shard)


def test_a_text_that_cannot_be_tokenized_is_named_with_its_file(inputs, case, folder, tmp_path):
    shard = inputs[0].shards("train")[3]
    break_a_text(shard)
    with job(inputs, case, folder("out"), tmp_path / "progress") as run:
        said = last_line(run)
    assert run.returncode
    assert said == (
        f"DataError: {shard}: a text cannot be tokenized: expected UTF-8, got byte 0xff at place 6 of the text that "
        "starts 'a bad \\xff film'. Was the file altered? Remove it, and the next run makes it again."
    )


@pytest.fixture
def full_disk(tmp_path):
    """A folder on a disk of 256 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_is_named_with_the_file_and_leaves_no_half_file(inputs, case, full_disk, folder, tmp_path):
    with job(inputs, case, full_disk, tmp_path / "progress") as run:
        said = last_line(run)
    assert run.returncode
    assert said.startswith("OSError: The disk is full: could not write")
    expected, written = undisturbed(inputs, folder("undisturbed")), contents(full_disk)
    assert {name: expected[name] for name in written} == written
