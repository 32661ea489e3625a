"""Reward models: rewards of texts with and without padding behind them."""

import os

import torch
import transformers as tf

from architectures import VOCAB, architectures, build_reward_model
from data import ids

# Architecture, and its padding token: none, one of its own, the one that ends a text.
MODELS = {
    "llama": None,
    "llama-bf16": 2,
    "llama-sharded": 0,
    "mistral-sliding": 2,
    "qwen2": 0,
    "qwen3": 2,
    "gemma2": 0,
    "gemma3-text": 0,
    "phi3": None,
    "smollm3": 0,
}
LENGTHS = (1, 5, 23, 41)  # two are longer than every sliding window


def texts(pad: int | None) -> list[list[int]]:
    """Without padding; ending with the token that ends a text; and with padding inside, behind and both."""
    plain = [ids(length, 6, n) for n, length in enumerate(LENGTHS)]
    ended = [*plain[1], 2]
    if pad is None:
        return [*plain, ended]
    inside = [*plain[1], pad, *plain[2]]
    return [*plain, ended, inside, [*plain[3], pad, pad], [*inside, pad]]


def write_reward_models(root: str, chosen: list[str] | None, write_json) -> None:
    for architecture in architectures():
        name = f"reward-{architecture.name}"
        if architecture.name not in MODELS or (chosen is not None and name not in chosen):
            continue
        pad = MODELS[architecture.name]
        config = type(architecture.config).from_dict({**architecture.config.to_dict(), "pad_token_id": pad})
        folder = os.path.join(root, name)
        model = build_reward_model(config).to(architecture.dtype)
        model.save_pretrained(folder, max_shard_size=architecture.max_shard_size)
        again = tf.AutoModelForSequenceClassification.from_pretrained(
            folder, attn_implementation="eager", dtype=torch.float32
        ).eval()
        if again.config.num_labels != 1 or again.config.vocab_size != VOCAB:
            raise RuntimeError(f"{name}: what was saved is another model")
        rows = texts(pad)
        with torch.no_grad():
            rewards = [again(input_ids=torch.tensor([row])).logits[0, 0].item() for row in rows]
            if pad is not None:
                together = padded(again, rows, pad)
                if max(abs(a - b) for a, b in zip(rewards, together, strict=True)) > 1e-5:
                    raise RuntimeError(f"{name}: rewards depend on what stands beside them")
        write_json(
            os.path.join(folder, "expected.json"),
            {"name": name, "padTokenId": pad, "texts": [{"ids": i, "reward": r} for i, r in zip(rows, rewards, strict=True)]},
        )


def padded(model, rows: list[list[int]], pad: int) -> list[float]:
    """All in one batch, padded behind, with a mask that shows what was padded here."""
    length = max(map(len, rows))
    ids = torch.tensor([row + [pad] * (length - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows])
    return model(input_ids=ids, attention_mask=mask).logits[:, 0].tolist()
