"""Writes the golden files: python generate.py OUT. See README.md; run it by `npm run parity`."""

import json
import os
import shutil
import sys
import warnings
from importlib.metadata import version

import torch
import transformers as tf
from peft import LoraConfig, TaskType, get_peft_model
from safetensors.torch import save_file

from architectures import Architecture, architectures, build, load, normal, perturb
from data import NEW_TOKENS, generation_prompts, pairs, sequences
from measure import dpo_losses, generate, gradients, log_probs, logits_of, mean_nll, numbers, positions
from reward_models import write_reward_models
from trl_training import LOSSES, Loss, train, trainer_of

PACKAGES = ("torch", "transformers", "peft", "trl", "accelerate", "datasets", "safetensors", "tokenizers", "numpy")
# Of lora_B; lora_A has 0.2, the deviation of the weights.
LORA_B_STD = {"adapter": 0.1, "trl": 0.05}


def to_json(value, depth: int = 0) -> str:
    """Lists of numbers on one line, everything else indented."""
    pad = "  " * (depth + 1)
    if isinstance(value, dict) and value:
        rows = [f"{pad}{json.dumps(key)}: {to_json(item, depth + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(rows) + "\n" + pad[2:] + "}"
    if isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        return "[\n" + ",\n".join(pad + to_json(item, depth + 1) for item in value) + "\n" + pad[2:] + "]"
    return json.dumps(value, allow_nan=False)


def write_json(file: str, value) -> None:
    with open(file, "w", encoding="utf-8") as out:
        out.write(to_json(value) + "\n")


def set_lora(model, kind: str) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                std = LORA_B_STD[kind] if "lora_B" in name else 0.2
                parameter.copy_(std * normal(parameter.shape, kind, name))


def save_adapter(model, folder: str, base: str) -> None:
    model.peft_config["default"].base_model_name_or_path = base
    model.save_pretrained(folder)
    os.remove(os.path.join(folder, "README.md"))
    # PEFT writes the target modules as a set: in another order each time.
    file = os.path.join(folder, "adapter_config.json")
    with open(file, encoding="utf-8") as read:
        config = json.load(read)
    config["target_modules"] = sorted(config["target_modules"])
    write_json(file, config)


def write_old_config(architecture: Architecture, folder: str) -> None:
    """The same architecture in the words of transformers 4; must give the same logits."""
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as read:
        config = json.load(read)
    without = ("rope_parameters", "dtype", *architecture.old_without)
    config = {key: value for key, value in config.items() if key not in without}
    config.update(architecture.old_with, torch_dtype=str(architecture.dtype)[6:], transformers_version="4.53.0")
    write_json(os.path.join(folder, "config.v4.json"), config)
    model = load(folder)
    # from_dict takes keys out of what it is given, also out of nested objects
    again = type(model)(type(model.config).from_dict(json.loads(json.dumps(config))))
    again.set_attn_implementation("eager")
    again.load_state_dict(model.state_dict())
    ids = sequences()[-1]
    with torch.no_grad():
        if not torch.equal(logits_of(model, ids), logits_of(again.eval(), ids)):
            raise RuntimeError(f"{architecture.name}: config.v4.json means another model")


def write_lora(architecture: Architecture, folder: str, tensors: dict) -> dict:
    targets = list(architecture.lora_targets)
    config = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=targets, task_type=TaskType.CAUSAL_LM)
    model = get_peft_model(load(folder), config).eval()
    set_lora(model, "adapter")
    with torch.no_grad(), model.disable_adapter():
        reference = log_probs(model, pairs())
    report, found = gradients(model, pairs(), reference)
    tensors.update({f"loraGradient/{name.replace('.default', '')}": grad for name, grad in found.items()})
    save_adapter(model, os.path.join(folder, "adapter"), architecture.name)
    return report


def write_full_gradient(architecture: Architecture, folder: str, tensors: dict) -> dict:
    checkpoint, other = load(folder), load(folder)
    perturb(other, architecture.seed)
    perturbed = architecture.full_gradient == "perturbed"
    policy, reference = (other, checkpoint) if perturbed else (checkpoint, other)
    with torch.no_grad():
        given = log_probs(reference, pairs())
    report, found = gradients(policy, pairs(), given)
    if found.keys() != {name for name, _ in policy.named_parameters()}:
        raise RuntimeError(f"{architecture.name}: a weight has no gradient")
    tensors.update({f"fullGradient/{name}": grad for name, grad in found.items()})
    if perturbed:
        policy.save_pretrained(os.path.join(folder, "perturbed"))
    return {"policy": "perturbed" if perturbed else ".", **report}


def write_trl(architecture: Architecture, folder: str, kind: str) -> None:
    out = os.path.join(folder, f"trl-{kind}")
    os.makedirs(out)
    method, _, name = kind.partition("-")
    loss = LOSSES[name]
    trainer, watch = trainer_of(folder, architecture.lora_targets if method == "lora" else (), loss)
    if method == "lora":
        # Set after TRL has wrapped the model: the reference stays the model without an adapter.
        set_lora(trainer.model, "trl")
        if name == "":  # the corrected losses start from the same
            save_adapter(trainer.model, os.path.join(out, "before"), architecture.name)
    report = train(trainer, watch, loss)
    check_losses(trainer, folder, kind, report, loss)
    if method == "lora":
        save_adapter(trainer.model, os.path.join(out, "after"), architecture.name)
    else:
        trainer.model.save_pretrained(os.path.join(out, "after"))
    write_json(os.path.join(out, "expected.json"), report)


def check_losses(trainer, folder: str, kind: str, report: dict, loss: Loss) -> None:
    """TRL's per-pair losses after training are those of the formula in measure.py."""
    with torch.no_grad():
        alpha = 1.0 if loss.ld_alpha is None else loss.ld_alpha
        reference = log_probs(load(folder), report["pairs"], alpha)
        policy = log_probs(trainer.model.eval(), report["pairs"], alpha)
        anchors = torch.stack(mean_nll(trainer.model, report["pairs"]))
    ours = torch.stack(dpo_losses(policy, reference)) + loss.anchor_weight * anchors
    theirs = torch.tensor(report["pairLossesAfter"], dtype=torch.float64)
    if (ours - theirs).abs().max() > 1e-5:
        raise RuntimeError(f"{folder}, {kind}: TRL's losses are not those of the formula")


def write(architecture: Architecture, root: str) -> None:
    folder = os.path.join(root, architecture.name)
    build(architecture).save_pretrained(folder, max_shard_size=architecture.max_shard_size)
    write_old_config(architecture, folder)

    model = load(folder)
    tensors: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        for n, ids in enumerate(sequences()):
            tensors[f"logits/{n}"] = logits_of(model, ids)[positions(len(ids))]
        expected = {
            "name": architecture.name,
            "ids": sequences(),
            "logitPositions": [positions(len(ids)) for ids in sequences()],
            "pairs": [
                {**pair, **row} for pair, row in zip(pairs(), numbers(log_probs(model, pairs())), strict=True)
            ],
            "generation": [generate(model, prompt, NEW_TOKENS) for prompt in generation_prompts()],
        }
    if architecture.lora_targets:
        expected["lora"] = write_lora(architecture, folder, tensors)
    if architecture.full_gradient:
        expected["full"] = write_full_gradient(architecture, folder, tensors)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, os.path.join(folder, "expected.safetensors"))
    write_json(os.path.join(folder, "expected.json"), expected)
    for kind in architecture.trl:
        write_trl(architecture, folder, kind)


def main(root: str) -> None:
    warnings.filterwarnings("ignore")
    tf.logging.set_verbosity_error()
    tf.logging.disable_progress_bar()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    chosen = os.environ.get("PARITY_ONLY", "").split(",") if os.environ.get("PARITY_ONLY") else None
    for architecture in architectures():
        if chosen is None or architecture.name in chosen:
            torch.manual_seed(0)
            write(architecture, root)
            print(f"{architecture.name}: written", file=sys.stderr, flush=True)
    write_reward_models(root, chosen, write_json)
    write_json(os.path.join(root, "versions.json"), {name: version(name) for name in PACKAGES})


if __name__ == "__main__":
    main(sys.argv[1])
