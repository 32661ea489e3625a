"""TRL's side of bench/versus.ts: DPOTrainer on the CPU, one optimiser step or evaluation at a time.

python trl_peer.py JOB, where JOB is JSON:
  mode       "train" (DPO with LoRA, optimiser steps) or "score" (the trainer's evaluation loop, no gradients)
  model      a model folder
  pairs      a JSON file: a list of {"prompt": ids, "chosen": ids, "rejected": ids}, used in this order, in turns
  precision  "f32", or "bf16": bf16=True, autocast over float32 weights (TRL's defaults for a model by its path)
  threads    of PyTorch
  batch      pairs of one forward and backward pass (per_device_*_batch_size)
  step       pairs of one optimiser step: the rest comes by gradient accumulation
  rank, targets  of LoRA

Prints {"ready": ...} when the model is loaded and the reference log-probabilities are computed. Then answers each line
{"pairs": n} on stdin, when n pairs are done, with {"seconds", "peakBytes", ...} on stdout. Ends with stdin.
"""

import json
import os
import sys
import tempfile
import time
from importlib.metadata import version

# Only answers go to stdout, whatever the libraries print.
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
os.environ.setdefault("TQDM_DISABLE", "1")

import torch
import transformers as tf
from datasets import Dataset
from peft import LoraConfig, TaskType
from tokenizers import Tokenizer, models
from trl import DPOConfig, DPOTrainer

PACKAGES = ("torch", "transformers", "peft", "trl")
ENDLESS = 10**6  # steps; the session ends with stdin


def answer(value: dict) -> None:
    ANSWERS.write(json.dumps(value) + "\n")
    ANSWERS.flush()


def asked() -> int | None:
    """Pairs that the next line asks for; None at the end."""
    line = sys.stdin.readline()
    return json.loads(line)["pairs"] if line.strip() else None


def peak_bytes() -> int:
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


class Trainer(DPOTrainer):
    """DPOTrainer as it is, except that rows arrive tokenised and that the mean log-probabilities are kept."""

    def _prepare_dataset(self, dataset, *args, **kwargs):
        # TRL would append the eos token to strings and tokenise again.
        return dataset

    def log(self, logs, start_time=None):
        chosen = self._metrics["eval"].get("logps/chosen")
        if chosen:
            self.mean_chosen = sum(chosen) / len(chosen)
        super().log(logs, start_time)


class Commands(tf.TrainerCallback):
    """Holds the training loop until pairs are asked for, and answers when their steps are done."""

    def __init__(self, step_pairs: int):
        self.step_pairs = step_pairs
        self.left = 0
        self.started = 0.0

    def on_step_begin(self, args, state, control, **kwargs):
        if self.left > 0:
            return
        pairs = asked()
        if pairs is None:
            # The trainer would still do the step: leave at once, nothing is to be saved.
            os._exit(0)
        self.left = pairs // self.step_pairs
        self.started = time.perf_counter()

    def on_step_end(self, args, state, control, **kwargs):
        self.left -= 1
        if self.left == 0:
            answer({"seconds": time.perf_counter() - self.started, "peakBytes": peak_bytes()})


def tokenizer(vocabulary: int) -> tf.PreTrainedTokenizerFast:
    """TRL wants one; here it only says that padding is 0."""
    words = {f"t{n}": n for n in range(min(vocabulary, 64))}
    return tf.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="t0")), pad_token="t0", eos_token="t2"
    )


def trainer_of(job: dict, scratch: str, commands: Commands) -> Trainer:
    with open(job["pairs"], encoding="utf-8") as file:
        rows = [{f"{name}_ids": ids for name, ids in pair.items()} for pair in json.load(file)]
    scoring = job["mode"] == "score"
    config = DPOConfig(
        output_dir=scratch,
        use_cpu=True,
        bf16=job["precision"] == "bf16",
        gradient_checkpointing=False,  # TRL's default is True: less memory, and a third more time
        precompute_ref_log_probs=True,
        per_device_train_batch_size=job["batch"],
        per_device_eval_batch_size=job["batch"],
        gradient_accumulation_steps=job["step"] // job["batch"],
        max_steps=ENDLESS,
        learning_rate=1e-5,
        lr_scheduler_type="constant",
        max_grad_norm=1.0,
        beta=0.1,
        loss_type=["sigmoid"],
        max_length=None,
        train_sampling_strategy="sequential",
        logging_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=0,
    )
    dataset = Dataset.from_list(rows)
    model = tf.AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.float32)
    trainer = Trainer(
        model=model,
        args=config,
        train_dataset=dataset.select(range(1)) if scoring else dataset,
        eval_dataset=dataset if scoring else None,
        processing_class=tokenizer(model.config.vocab_size),
        peft_config=LoraConfig(
            r=job["rank"],
            lora_alpha=job["rank"],
            lora_dropout=0.0,
            target_modules=job["targets"],
            task_type=TaskType.CAUSAL_LM,
        ),
        callbacks=[commands],
    )
    trainer.remove_callback(tf.PrinterCallback)
    return trainer


def score(trainer: Trainer) -> None:
    everything = trainer.eval_dataset
    at = 0
    while (pairs := asked()) is not None:
        trainer.eval_dataset = everything.select([(at + n) % len(everything) for n in range(pairs)])
        at += pairs
        started = time.perf_counter()
        trainer.evaluate()
        seconds = time.perf_counter() - started
        answer({"seconds": seconds, "peakBytes": peak_bytes(), "meanChosen": trainer.mean_chosen})


def main() -> None:
    job = json.loads(sys.argv[1])
    torch.set_num_threads(job["threads"])
    torch.set_num_interop_threads(1)
    tf.utils.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as scratch:
        commands = Commands(job["step"])
        trainer = trainer_of(job, scratch, commands)
        versions = {name: version(name) for name in PACKAGES}
        answer({"ready": True, "versions": versions, "threads": torch.get_num_threads()})
        if job["mode"] == "score":
            score(trainer)
        else:
            trainer.train()


main()
