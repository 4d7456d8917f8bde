"""Examples a second of ``torch.nn.LSTM`` on the CPU, from the same weights and on the same batches as the others.

One process, one measurement; the last line of its output is JSON (see ``train_setup.report_speed``).
"""

import argparse
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from train_setup import (
    BATCH,
    EMBEDDING,
    LEARNING_RATE,
    VOCABULARY_SIZE,
    WARM_UP,
    Data,
    Weights,
    report_speed,
    speed_weights,
)

FRAMEWORK = f"torch {torch.__version__}"


class Network(nn.Module):
    """Embedding, two LSTM layers, the last state, one logit."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY_SIZE, EMBEDDING)
        self.lstm = nn.LSTM(EMBEDDING, units, num_layers=2)
        self.logits = nn.Linear(units, 1)

    def forward(self, token_ids: Tensor) -> Tensor:
        """Int64 [b, t] => float32 [b]."""
        embedded = self.embedding(token_ids.T)  # [t, b, d]
        _, (last_states, _) = self.lstm(embedded)  # [layers, b, u]
        return self.logits(last_states[-1]).squeeze(-1)  # [b, u] => [b]


@torch.no_grad()
def set_weights(parameters: list[nn.Parameter], weights: Weights) -> None:
    """Assign weights in Keras's order and layout; torch has its kernels transposed and two biases, which it adds.

    Args:
        parameters: embedding [v, d]; for each LSTM kernel [4 * u, i], recurrent kernel, bias [4 * u] and another
            bias; for each dense layer kernel [outputs, inputs] and bias. Both have the gates in the same order.
        weights: the same without the second biases, kernels transposed.
    """
    recurrent = parameters[1:9]
    for extra in recurrent[3::4]:
        extra.zero_()
    kept = [parameters[0], *(its for i, its in enumerate(recurrent) if i % 4 != 3), *parameters[9:]]
    for i, (parameter, weight) in enumerate(zip(kept, weights, strict=True)):
        value = torch.from_numpy(weight)
        parameter.copy_(value.T if i and value.dim() == 2 else value)


def parsed_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="data.npz")
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--steps", type=int, default=100, help="measured, after the warm-up")
    parser.add_argument("--threads", type=int, default=2, help="inside an operation")
    parser.add_argument("--compile", action="store_true", help="through torch.compile; needs a C++ compiler")
    return parser.parse_args()


def main() -> None:
    """Train for some steps and report."""
    arguments = parsed_arguments()
    torch.set_num_threads(arguments.threads)
    data = Data.load(arguments.data)
    started = time.perf_counter()
    network = Network(arguments.units)
    set_weights(list(network.parameters()), speed_weights("lstm", arguments.units))
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE, eps=1e-7, fused=True)
    loss_of = nn.BCEWithLogitsLoss()
    forward = torch.compile(network) if arguments.compile else network
    built = time.perf_counter() - started
    ids, labels = torch.from_numpy(data.train_ids), torch.from_numpy(data.train_labels).float()
    losses, ends = [], []
    start = time.perf_counter()
    for step in range(WARM_UP + arguments.steps):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        optimizer.zero_grad()
        loss = loss_of(forward(ids[rows]), labels[rows])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        ends.append(time.perf_counter())
    report_speed(FRAMEWORK, [losses[0], sum(losses) / len(losses)], ends, start, built)


if __name__ == "__main__":
    main()
