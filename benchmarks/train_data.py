"""The sample through glovebeam's own pipeline, as one .npz that every competitor reads.

Call: ``python benchmarks/train_data.py ROOT``, after ``glovebeam run --root ROOT --to encode``; writes ROOT/data.npz.
"""

import sys
from pathlib import Path

import numpy as np
from run_artifacts import artifact_folder
from train_setup import MAX_LENGTH, VOCABULARY_SIZE, Data

from components.dataset import evaluation_dataset
from schemas.artifacts import EmbeddingMatrix, EncodedExamples


def main() -> None:
    """Write ROOT/data.npz."""
    root = Path(sys.argv[1])
    encoded = EncodedExamples(artifact_folder(root, "encode"))
    encoding = encoded.encoding
    if (encoding.max_length, encoding.vocabulary_size) != (MAX_LENGTH, VOCABULARY_SIZE):
        sys.exit(f"{encoded.path}: expected {MAX_LENGTH} tokens of {VOCABULARY_SIZE} words, got {encoding}")
    rng = np.random.default_rng(0)
    arrays = {}
    for split in ("train", "validation"):
        batches = list(evaluation_dataset(encoded, split, 4096).as_numpy_iterator())
        ids, labels = (np.concatenate([batch[i] for batch in batches]) for i in range(2))
        order = rng.permutation(len(ids))
        arrays |= {f"{split}_ids": ids[order], f"{split}_labels": labels[order]}
    matrix = np.load(EmbeddingMatrix(artifact_folder(root, "embed")).matrix_file, allow_pickle=False)
    Data(**arrays, embedding_matrix=matrix).save(root / "data.npz")


if __name__ == "__main__":
    main()
