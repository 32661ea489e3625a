"""Loads what Winnow wrote: adapters with PEFT, merged checkpoints with transformers. Compares log-probabilities.

usage: adopt.py GOLDEN WRITTEN   (WRITTEN/<name>/adapter and WRITTEN/<name>/merged for architectures with an adapter)
"""

import json
import sys
from pathlib import Path

import torch
from architectures import load
from measure import NAMES, log_probs
from peft import PeftModel

TOLERANCE = 1e-3  # nats


def distance(model, pairs, expected) -> float:
    with torch.no_grad():
        found = log_probs(model, pairs)
    return max(
        abs(row[name].item() - need[f"{name}LogProb"])
        for row, need in zip(found, expected, strict=True)
        for name in NAMES
    )


def main() -> int:
    golden, written = Path(sys.argv[1]), Path(sys.argv[2])
    failed = 0
    for folder in sorted(written.iterdir()):
        expected = json.loads((golden / folder.name / "expected.json").read_text())
        pairs, need = expected["pairs"], expected["lora"]["pairs"]
        with_adapter = PeftModel.from_pretrained(load(str(golden / folder.name)), str(folder / "adapter")).eval()
        for what, model in (("adapter", with_adapter), ("merged", load(str(folder / "merged")))):
            far = distance(model, pairs, need)
            print(f"{folder.name} {what}: {far:.1e} nats", file=sys.stderr)
            failed += far > TOLERANCE
    return 1 if failed else 0


sys.exit(main())
