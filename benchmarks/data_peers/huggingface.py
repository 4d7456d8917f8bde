"""Hugging Face: ``datasets`` reads and maps, ``tokenizers`` counts and encodes, the package tfrecord writes."""

import os
from typing import Any

import datasets
import tokenizers
from task import FILTERS_PATTERN, MAX_LENGTH, RESERVED, VOCABULARY_SIZE, Task
from tfrecord.writer import TFRecordWriter
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

BATCH = 1000
PAD, UNK = RESERVED[0], RESERVED[2]


def main() -> None:
    """Load, train, encode, write."""
    task = Task()
    datasets.disable_progress_bars()
    reviews = datasets.load_dataset("json", data_files=task.files, split="train", cache_dir=str(task.out / "cache"))
    tokenizer = Tokenizer(models.WordLevel(unk_token=UNK))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Lowercase(), normalizers.Replace(Regex(FILTERS_PATTERN), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordLevelTrainer(vocab_size=VOCABULARY_SIZE, special_tokens=RESERVED, show_progress=False)
    texts = (batch["text"] for batch in reviews.select_columns("text").iter(BATCH))
    tokenizer.train_from_iterator(texts, trainer, length=len(reviews))
    tokenizer.enable_truncation(MAX_LENGTH, direction="left")
    tokenizer.enable_padding(direction="left", pad_id=RESERVED.index(PAD), pad_token=PAD, length=MAX_LENGTH)

    def encode(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        encodings = tokenizer.encode_batch_fast(batch["text"])
        return {"token_ids": [its.ids for its in encodings], "length": [sum(its.attention_mask) for its in encodings]}

    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # processes are quicker than threads
    cores = len(os.sched_getaffinity(0))
    encoded = reviews.map(encode, batched=True, batch_size=BATCH, remove_columns=["text"], num_proc=cores)
    ids = tokenizer.get_vocab()
    task.write_vocabulary(sorted(ids, key=ids.__getitem__)[len(RESERVED) :])
    writer = TFRecordWriter(str(task.out / "examples.tfrecord"))
    for batch in encoded.iter(BATCH):
        columns = (batch["id"], batch["label"], batch["length"], batch["token_ids"])
        for example_id, label, length, token_ids in zip(*columns, strict=True):
            features = {"label": (label, "int"), "length": (length, "int"), "token_ids": (token_ids, "int")}
            writer.write({"example_id": (example_id.encode(), "byte"), **features})
    writer.close()
    task.report(f"datasets {datasets.__version__}, tokenizers {tokenizers.__version__}")


if __name__ == "__main__":
    main()
