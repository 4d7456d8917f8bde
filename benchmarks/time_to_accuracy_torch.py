"""Seconds until the notebook's network with fine-tuned GloVe reaches the target on the validation split, in torch.

Same network, same initial weights and same optimizer as in Keras. The clock runs from the first batch; validation is
inside. The rows are shuffled as a whole, as torch's own samplers do, not through a buffer of 1000.
"""

import argparse
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from train_setup import (
    BATCH,
    DROPOUT,
    EPOCHS,
    EVALUATION_BATCH,
    HEAD_UNITS,
    LEARNING_RATE,
    TARGET,
    UNITS,
    VOCABULARY_SIZE,
    Data,
    notebook_weights,
    report_accuracy,
)
from train_speed_torch import FRAMEWORK, set_weights


class NotebookNetwork(nn.Module):
    """Two LSTM layers and the notebook's head. t tokens, b examples, d dimension, u units."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY_SIZE, dimension)
        self.first = nn.LSTM(dimension, UNITS)
        self.second = nn.LSTM(UNITS, UNITS)
        self.head = nn.Sequential(
            nn.Linear(UNITS, HEAD_UNITS), nn.Dropout(DROPOUT), nn.ReLU(), nn.Linear(HEAD_UNITS, 1)
        )

    def forward(self, token_ids: Tensor) -> Tensor:
        """Int64 [b, t] => float32 [b]."""
        hidden = self._dropout(self.embedding(token_ids.T))  # [t, b, d]
        hidden = self._dropout(self.first(hidden)[0])  # [t, b, u]
        return self.head(self.second(hidden)[0][-1]).squeeze(-1)  # [b, u] => [b]

    def _dropout(self, hidden: Tensor) -> Tensor:
        """As ``dropout`` of Keras's LSTM: the same units at all tokens of an example; [t, b, d] => [t, b, d]."""
        return hidden * nn.functional.dropout(torch.ones_like(hidden[:1]), DROPOUT, self.training)


def train_epoch(network: nn.Module, optimizer: torch.optim.Optimizer, ids: Tensor, labels: Tensor) -> None:
    """One pass over the shuffled rows; the incomplete batch is dropped."""
    network.train()
    loss_of = nn.BCEWithLogitsLoss()
    order = torch.randperm(len(ids))
    for rows in order[: len(ids) // BATCH * BATCH].split(BATCH):
        optimizer.zero_grad()
        loss_of(network(ids[rows]), labels[rows]).backward()
        optimizer.step()


@torch.no_grad()
def accuracy(network: nn.Module, ids: Tensor, labels: Tensor) -> float:
    """Share of the rows on the right side of p = 0.5."""
    network.eval()
    logits = torch.cat([network(batch) for batch in ids.split(EVALUATION_BATCH)])
    return float(((logits > 0) == labels.bool()).float().mean())


def main() -> None:
    """Train once and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="data.npz")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--threads", type=int, default=2, help="inside an operation")
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    data = Data.load(arguments.data)
    network = NotebookNetwork(data.embedding_matrix.shape[1])
    set_weights(list(network.parameters()), notebook_weights(arguments.seed, data.embedding_matrix))
    optimizer = torch.optim.RMSprop(network.parameters(), LEARNING_RATE, alpha=0.9, eps=1e-7)  # Keras's
    ids, labels = torch.from_numpy(data.train_ids), torch.from_numpy(data.train_labels).float()
    held_out_ids, held_out_labels = torch.from_numpy(data.validation_ids), torch.from_numpy(data.validation_labels)
    epochs: list[tuple[float, float]] = []
    start = time.perf_counter()
    while len(epochs) < arguments.epochs and not (epochs and epochs[-1][1] >= TARGET):
        train_epoch(network, optimizer, ids, labels)
        reached = accuracy(network, held_out_ids, held_out_labels)
        epochs.append((time.perf_counter() - start, reached))
    report_accuracy(FRAMEWORK, epochs)


if __name__ == "__main__":
    main()
