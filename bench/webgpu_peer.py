"""PyTorch's side of bench/webgpu.ts: the same gradients on a CUDA device.

python webgpu_peer.py MODEL PAIRS, where PAIRS is a JSON file {"rank", "rounds", "rows": [{"prompt", "completions"}]}.
Prints {precision: milliseconds of all rows}, medians of the rounds; ends with an error where there is no CUDA device.
Both completions of a pair are one padded batch, as DPO trainers form it; log-probabilities of the completions alone.
"""

import json
import statistics
import sys
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

if not torch.cuda.is_available():
    sys.exit("torch has no CUDA device")

folder, file = sys.argv[1:]
with open(file, encoding="utf8") as handle:
    job = json.load(handle)
device = torch.device("cuda")


def batch(row: dict) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Tokens, attention mask and what counts (the completion's tokens) of both sequences, padded on the right."""
    rows = [row["prompt"] + completion for completion in row["completions"]]
    width = max(map(len, rows))
    pad = lambda values, filler: [value + [filler] * (width - len(value)) for value in values]
    counts = [[0] * len(row["prompt"]) + [1] * len(completion) for completion in row["completions"]]
    ids, mask, counted = pad(rows, 0), pad([[1] * len(r) for r in rows], 0), pad(counts, 0)
    return tuple(torch.tensor(t, device=device) for t in (ids, mask, counted))


def measure(autocast: bool, tf32: bool) -> float:
    torch.backends.cuda.matmul.allow_tf32 = tf32
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).to(device)
    model = get_peft_model(
        model, LoraConfig(r=job["rank"], lora_alpha=job["rank"], target_modules="all-linear", task_type="CAUSAL_LM")
    )
    batches = [batch(row) for row in job["rows"]]
    slope = torch.tensor([0.01, -0.01], device=device)

    def everything() -> None:
        model.zero_grad()
        for ids, mask, counted in batches:
            with torch.autocast("cuda", torch.bfloat16, enabled=autocast):
                logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1]
            taken = logits.float().log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
            (slope * (taken * counted[:, 1:]).sum(-1)).sum().backward()
        torch.cuda.synchronize()

    everything()
    times = []
    for _ in range(job["rounds"]):
        begun = time.perf_counter()
        everything()
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times)


print(json.dumps({
    "float32": measure(False, False),
    "float32 by TF32 products": measure(False, True),
    "bfloat16 autocast": measure(True, True),
}))
