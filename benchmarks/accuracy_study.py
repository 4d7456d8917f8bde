"""What each choice of the presets is worth: validation accuracy over several seeds, and seconds of training.

    python benchmarks/accuracy_study.py --seeds 3

Every setting is a real ``glovebeam run --to train``, so what was run once is cached. The test split is not looked at.
Prints a Markdown table.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import mean, stdev

# The recurrent part alone, on the last 80 tokens alone: what the settings of the network are compared on.
ALONE = ("train.ngrams=0", "encode.windows=kept", "train.epochs=4")

# What the table calls it, the preset, and what differs from it.
SETTINGS: list[tuple[str, str, tuple[str, ...]]] = [
    ("**default**", "default", ()),
    ("no linear part", "default", ("train.ngrams=0",)),
    ("linear part of tokens and pairs", "default", ("train.ngrams=2",)),
    ("what max_length cuts off thrown away", "default", ("encode.windows=kept", "train.epochs=4")),
    ("two recurrent members", "default", ("train.members=2",)),
    ("keras tokenizer", "default", ("text.tokenizer=keras",)),
    ("punctuation kept", "default", ("text.punctuation=keep",)),
    ("**network alone**: neither linear part nor what is cut off", "default", ALONE),
    ("network alone, GRU", "default", (*ALONE, "train.cell=gru")),
    ("network alone, last state", "default", (*ALONE, "train.pooling=last")),
    ("network alone, attention", "default", (*ALONE, "train.pooling=attention")),
    ("network alone, one direction", "default", (*ALONE, "train.bidirectional=false")),
    ("network alone, padding masked", "default", (*ALONE, "train.mask_padding=true")),
    ("network alone, GloVe frozen", "default", (*ALONE, "train.embedding_trainable=false")),
    ("network alone, random embedding", "default", (*ALONE, "train.embedding=random")),
    ("network alone, zeros for missing vectors", "default", (*ALONE, "embed.missing=zeros")),
    ("network alone, constant learning rate 0.001", "default",
     (*ALONE, "train.learning_rate=0.001", "train.learning_rate_decay=none")),
    ("**best**", "best", ()),
    ("best, one member", "best", ("train.members=1",)),
    ("best, LSTM", "best", ("train.cell=lstm",)),
    ("best without its linear part", "best", ("train.ngrams=0",)),
]  # fmt: skip


def main() -> None:
    """Run all, print the table row by row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="runs of each setting")
    parser.add_argument("--root", type=Path, default=Path("build/accuracy-study"))
    parser.add_argument("--only", default="", help="settings whose name holds this")
    arguments = parser.parse_args()
    print("| setting | validation accuracy | spread | validation loss | training |\n|---|---|---|---|---|")
    for name, preset, changes in SETTINGS:
        if arguments.only in name:
            trained = [train(arguments.root, preset, changes, seed) for seed in range(arguments.seeds)]
            print(table_row(name, trained), flush=True)


def train(root: Path, preset: str, changes: tuple[str, ...], seed: int) -> dict[str, float]:
    """One run up to the step train; the figures of its best epoch, and seconds."""
    sets = [argument for change in (*changes, f"train.seed={seed}") for argument in ("--set", change)]
    command = [sys.executable, "-m", "pipeline.cli", "run", "-c", preset, "--root", str(root), "--to", "train", *sets]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    runs = [json.loads(file.read_text()) for file in sorted(root.glob("runs/*/run.json"))]
    steps = [step for run in runs for step in run["steps"] if step["name"] == "train"]
    artifact = steps[-1]["artifact"]
    seconds = next(s["seconds"] for s in steps if s["artifact"] == artifact and s["state"] == "executed")
    history = json.loads((root / artifact / "history.json").read_text())
    return history["epochs"][history["best_epoch"] - 1] | {"seconds": seconds}


def table_row(name: str, trained: list[dict[str, float]]) -> str:
    """One line of the table."""
    accuracies = [run["val_accuracy"] for run in trained]
    spread = f"± {stdev(accuracies):.4f}" if len(accuracies) > 1 else ""
    loss, seconds = (mean(run[key] for run in trained) for key in ("val_loss", "seconds"))
    return f"| {name} | {mean(accuracies):.4f} | {spread} | {loss:.4f} | {seconds:.0f} s |"


if __name__ == "__main__":
    main()
