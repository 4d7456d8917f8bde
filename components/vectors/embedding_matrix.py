"""From the vectors that workers found to the embedding matrix: assemble the parts, fill the gaps, report the coverage.

In: part files, each with token ids [n] and their vectors [n, d], in the order of the source.
Out: a float32 [v, d] matrix on disk. Parts are read as memory maps, so only the matrix itself needs memory.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.artifacts import EmbeddingMatrix, VocabularyArtifact, write_json
from schemas.disk import replacing
from schemas.vocabulary import FIRST_TOKEN_ID, UNK_ID

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def write_part(
    parts: Path,
    number: int,
    token_ids: "NDArray[np.int64]",
    vectors: "NDArray[np.float32]",
    finding: Mapping[str, Any],
) -> None:
    """Write the ids [n] and vectors [n, d] of one unit, and what it found; a retried unit writes the same again."""
    import numpy as np

    for name, values in (("ids", token_ids), ("vectors", np.asarray(vectors, np.float32))):
        with replacing(parts / f"{number:05d}.{name}.npy") as unfinished, unfinished.open("wb") as file:
            np.save(file, values)
    write_json(parts / f"{number:05d}.json", finding)


def assemble(parts: Path, vocabulary_size: int, matrix_file: Path) -> "tuple[NDArray[np.bool_], int]":
    """Write the vectors of all parts to their rows of a new float32 [v, d] matrix, the rest zero.

    Returns:
        Which token ids have a vector, bool [v], and how many rows repeated a token: the first one wins.
    """
    import numpy as np

    vector_files = sorted(parts.glob("*.vectors.npy"))
    dimension = int(np.load(vector_files[0], mmap_mode="r").shape[1])
    shape = (vocabulary_size, dimension)
    matrix = np.lib.format.open_memmap(matrix_file, mode="w+", dtype=np.float32, shape=shape)
    is_found, repeated = np.zeros(vocabulary_size, bool), 0
    for vector_file in vector_files:
        vectors = np.load(vector_file, mmap_mode="r")
        token_ids, first = np.unique(np.load(parts / f"{vector_file.name[:5]}.ids.npy"), return_index=True)
        is_new = ~is_found[token_ids]
        matrix[token_ids[is_new]] = vectors[first[is_new]]
        is_found[token_ids] = True
        repeated += len(vectors) - int(is_new.sum())
    matrix.flush()
    return is_found, repeated


def fill_missing(matrix_file: Path, is_found: "NDArray[np.bool_]", missing: str, seed: int) -> None:
    """Set UNK to the mean of the vectors found and, with ``missing`` "normal", draw the other missing tokens.

    The normal distribution has the mean and deviation of the vectors found, number by number. PAD, START and UNUSED
    stay zero.
    """
    import numpy as np

    matrix = np.lib.format.open_memmap(matrix_file, mode="r+")  # [v, d]
    found = matrix[is_found]
    if not len(found):
        return
    mean, deviation = found.mean(axis=0), found.std(axis=0)
    matrix[UNK_ID] = mean
    if missing == "normal":
        token_ids = np.flatnonzero(~is_found[FIRST_TOKEN_ID:]) + FIRST_TOKEN_ID
        drawn = np.random.default_rng(seed).standard_normal((len(token_ids), matrix.shape[1]), dtype=np.float32)
        matrix[token_ids] = mean + drawn * deviation
    matrix.flush()


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

    tokens = vocabulary.load().known_tokens
    is_found = is_found[FIRST_TOKEN_ID:]
    table = pq.read_table(vocabulary.counts_file)
    counts = table["count"].take(pc.index_in(pa.array(tokens, pa.string()), value_set=table["token"])).to_numpy()
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
    missing = [token for token, found in zip(tokens, is_found, strict=True) if not found]
    (artifact.path / "missing_tokens.txt").write_bytes("".join(f"{token}\n" for token in missing).encode())


def _share(found: int, total: int) -> dict[str, float]:
    return {"found": found, "total": total, "share": found / total}
