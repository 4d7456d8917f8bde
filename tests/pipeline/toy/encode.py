"""Encode."""

from pathlib import Path

from toy.artifacts import Encoded, Lines

from components.beam_options import BeamOptions
from schemas.params import Params
from schemas.vocabulary import Tokenizer


class EncodeParams(Params):
    max_length: int = 80


def encode(examples: Lines, tokenizer: Tokenizer, params: EncodeParams, out: Path, beam: BeamOptions) -> Encoded:
    """Cut each line."""
    from toy.text import normalize

    lines = normalize((examples.path / "lines.txt").read_text()).splitlines()
    (out / "train").mkdir()
    (out / "train" / "part-0").write_text("\n".join(line[: params.max_length] for line in lines))
    return Encoded(out)
