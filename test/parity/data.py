"""Token ids of the suite. 0 is kept for padding, 1 and 2 for begin and end of text."""

import numpy as np

from architectures import VOCAB

SEQUENCE_LENGTHS = (5, 23, 41)  # two are longer than every sliding window
PROMPT_LENGTHS_GENERATION = (6, 19)
NEW_TOKENS = 12
# prompt, chosen, rejected: a completion of one token, a prompt of one token, longer than the windows
PAIR_LENGTHS = ((3, 4, 7), (7, 1, 5), (12, 9, 2), (20, 6, 11))
TRAINING_STEPS = 10
TRAINING_BATCH = 2
NEARLY_EQUAL = slice(8, 12)  # the pairs of steps 5 and 6


def ids(length: int, *label: int) -> list[int]:
    return np.random.default_rng(label).integers(3, VOCAB, length).tolist()


def sequences() -> list[list[int]]:
    return [ids(length, 1, n) for n, length in enumerate(SEQUENCE_LENGTHS)]


def generation_prompts() -> list[list[int]]:
    return [ids(length, 2, n) for n, length in enumerate(PROMPT_LENGTHS_GENERATION)]


def pair(n: int, lengths: tuple[int, int, int], label: int) -> dict[str, list[int]]:
    names = ("prompt", "chosen", "rejected")
    return {name: ids(length, label, n, k) for k, (name, length) in enumerate(zip(names, lengths))}


def pairs() -> list[dict[str, list[int]]]:
    return [pair(n, lengths, 3) for n, lengths in enumerate(PAIR_LENGTHS)]


def training_pairs() -> list[dict[str, list[int]]]:
    lengths = np.random.default_rng(4).integers([2, 1, 1], [15, 12, 12], (TRAINING_STEPS * TRAINING_BATCH, 3))
    rows = [pair(n, tuple(row), 5) for n, row in enumerate(lengths.tolist())]
    for row in rows[NEARLY_EQUAL]:
        # Another last token alone: a small gradient, so that some steps are clipped and some are not.
        row["rejected"] = row["chosen"][:-1] + [3 + (row["chosen"][-1] - 2) % (VOCAB - 3)]
    return rows
