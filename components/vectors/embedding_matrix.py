"""From the vectors that workers found to the embedding matrix: assemble the parts, fill the gaps, report the coverage.

In: part files, each with token ids int64 [n] and their vectors float32 [n, d], in the order of the source.
Out: a float32 [v, d] matrix on disk. Parts and matrix are gone through a thousand rows at a time, so only the matrix
itself, as a memory map, needs memory.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from schemas.artifacts import EmbeddingMatrix, VocabularyArtifact, write_json
from schemas.disk import replacing
from schemas.vocabulary import FIRST_TOKEN_ID, UNK_ID

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROWS = 1024


def known_tokens(vocabulary_file: Path) -> list[bytes]:
    """The tokens behind the reserved ones, in UTF-8; the first has id ``FIRST_TOKEN_ID``."""
    return vocabulary_file.read_bytes().split(b"\n")[FIRST_TOKEN_ID:-1]


@contextmanager
def part_files(parts: Path, number: int) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Files for the ids and the vectors of one unit; a retried unit writes the same again."""
    with (
        replacing(_ids_file(parts, number)) as ids,
        replacing(_vectors_file(parts, number)) as vectors,
        ids.open("wb") as ids_file,
        vectors.open("wb") as vectors_file,
    ):
        yield ids_file, vectors_file


def _ids_file(parts: Path, number: int) -> Path:
    return parts / f"{number:05d}.ids"


def _vectors_file(parts: Path, number: int) -> Path:
    return parts / f"{number:05d}.vectors"


def assemble(parts: Path, shape: tuple[int, int], matrix_file: Path) -> "tuple[NDArray[np.bool_], int]":
    """Write the vectors of all parts to their rows of a new float32 [v, d] matrix, the rest zero.

    Returns:
        Which token ids have a vector, bool [v], and how many rows repeated a token: the first one wins.
    """
    import numpy as np

    matrix = np.lib.format.open_memmap(matrix_file, mode="w+", dtype=np.float32, shape=shape)
    is_found, repeated = np.zeros(shape[0], bool), 0
    for ids, vectors in _found(parts, shape[1]):
        token_ids, first = np.unique(ids, return_index=True)
        is_new = ~is_found[token_ids]
        matrix[token_ids[is_new]] = vectors[first[is_new]]
        is_found[token_ids] = True
        repeated += len(ids) - int(is_new.sum())
    matrix.flush()
    return is_found, repeated


def _found(parts: Path, dimension: int) -> "Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]":
    """The ids [n] and vectors [n, d] of all parts."""
    import numpy as np

    for ids_path in sorted(parts.glob("*.ids")):
        with ids_path.open("rb") as ids_file, ids_path.with_suffix(".vectors").open("rb") as vectors_file:
            while len(ids := np.fromfile(ids_file, np.int64, _ROWS)):
                yield ids, np.fromfile(vectors_file, np.float32, len(ids) * dimension).reshape(-1, dimension)


def fill_missing(matrix_file: Path, is_found: "NDArray[np.bool_]", missing: str, seed: int) -> None:
    """Set UNK to the mean of the vectors found and, with ``missing`` "normal", draw the other missing tokens.

    The normal distribution has the mean and deviation of the vectors found, number by number. PAD, START and UNUSED
    stay zero.
    """
    import numpy as np

    matrix = np.lib.format.open_memmap(matrix_file, mode="r+")  # [v, d]
    found = np.flatnonzero(is_found)
    if not len(found):
        return
    mean = sum(matrix[rows].sum(axis=0, dtype=np.float64) for rows in _pieces(found)) / len(found)
    squares = sum(np.square(matrix[rows] - mean).sum(axis=0) for rows in _pieces(found))
    matrix[UNK_ID] = mean
    if missing == "normal":
        generator, deviation = np.random.default_rng(seed), np.sqrt(squares / len(found)).astype(np.float32)
        for rows in _pieces(np.flatnonzero(~is_found[FIRST_TOKEN_ID:]) + FIRST_TOKEN_ID):
            drawn = generator.standard_normal((len(rows), matrix.shape[1]), dtype=np.float32)
            matrix[rows] = mean.astype(np.float32) + drawn * deviation
    matrix.flush()


def _pieces(rows: "NDArray[np.int64]") -> "Iterator[NDArray[np.int64]]":
    for start in range(0, len(rows), _ROWS):
        yield rows[start : start + _ROWS]


def write_coverage(
    artifact: EmbeddingMatrix, vocabulary: VocabularyArtifact, is_found: "NDArray[np.bool_]", source: Mapping[str, Any]
) -> None:
    """Write ``coverage.json`` and ``missing_tokens.txt``.

    Coverage by type counts each known token once; by token mass, as often as the train split has it.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    tokens = pa.array(known_tokens(vocabulary.vocabulary_file), pa.binary()).cast(pa.string())
    is_found = is_found[FIRST_TOKEN_ID:]
    table = pq.read_table(vocabulary.counts_file)
    counts = table["count"].take(pc.index_in(tokens, value_set=table["token"])).to_numpy()
    write_json(
        artifact.path / "coverage.json",
        {
            **source,
            "dimension": int(np.load(artifact.matrix_file, mmap_mode="r").shape[1]),
            "types": _share(int(is_found.sum()), len(tokens)),
            "tokens": _share(int(counts[is_found].sum()), int(counts.sum())),
            "vocabulary_share_of_all_tokens": int(counts.sum()) / pc.sum(table["count"]).as_py(),
        },
    )
    missing = tokens.filter(pa.array(~is_found)).to_pylist()
    (artifact.path / "missing_tokens.txt").write_bytes("".join(f"{token}\n" for token in missing).encode())


def _share(found: int, total: int) -> dict[str, float]:
    return {"found": found, "total": total, "share": found / total}
