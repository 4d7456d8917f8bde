import pytest

from schemas.disk import remove_unfinished, replacing


def write_half(path):
    path.write_text("half")
    raise OSError("full")


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path):
    path = tmp_path / "shard"
    path.write_text("before")
    with pytest.raises(OSError, match="full"), replacing(path) as unfinished:
        write_half(unfinished)
    assert {found.name: found.read_text() for found in tmp_path.iterdir()} == {"shard": "before"}
    with replacing(path) as unfinished:
        unfinished.write_text("after")
        assert path.read_text() == "before"
    assert {found.name: found.read_text() for found in tmp_path.iterdir()} == {"shard": "after"}


def test_the_same_work_done_twice_at_a_time_leaves_one_whole_file(tmp_path):
    path = tmp_path / "shard"
    with replacing(path) as first:
        first.write_text("wh")
        with replacing(path) as second:
            second.write_text("whole")
        assert path.read_text() == "whole"
        first.write_text("whole")
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("shard", "whole")]


def test_what_a_killed_worker_left_is_removed_and_nothing_else(tmp_path):
    (tmp_path / "train").mkdir()
    finished = tmp_path / "train" / "examples-0.parquet"
    abandoned = replacing(finished)
    abandoned.__enter__().write_text("half")
    finished.write_text("whole")
    assert len(list((tmp_path / "train").iterdir())) == 2
    remove_unfinished(tmp_path)
    assert list((tmp_path / "train").iterdir()) == [finished]
