"""What README shows is what happens."""

import re
from pathlib import Path

from pipeline.config import load_config

README = (Path(__file__).parents[1] / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_component_test_passes(tmp_path):
    (source,) = [block for block in blocks("python") if "def test_" in block]
    names = {}
    exec(source, names)
    names["test_an_empty_review_is_rejected"](tmp_path)


def test_the_config_for_your_own_data_is_a_config(tmp_path):
    (config,) = re.findall(r"<<'TOML'\n(.*?)TOML", README, re.DOTALL)
    (tmp_path / "my.toml").write_text(config)
    assert load_config(str(tmp_path / "my.toml")).ingest.source == "reviews/*.csv"
