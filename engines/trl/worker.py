"""The GPU end of a unit of Winnow: `worker.py JOB.json`, alone or under `accelerate launch`.

Winnow decides everything: the token ids, the order, the reference log-probabilities, the first adapter and the steps at
which held-out pairs are scored. Here TRL's DPOTrainer takes the steps. Each rank writes files of its own; rank 0 also
prints events, one JSON object a line. Exit codes: 0 done, 85 stopped with a checkpoint, 86 bad input, 87 out of memory,
88 NaN or infinity, 1 anything else; launchers lose them, so they are told as events too. When numbers change, raise
TRL_ENGINE in src/pipeline/version.ts.
"""

import errno
import json
import math
import os
import signal
import sys
import threading
import time
import warnings
from pathlib import Path

import torch
import trl.trainer.dpo_trainer
from datasets import Dataset
from peft import PeftModel
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, TrainerCallback
from trl import DPOConfig, DPOTrainer

STOPPED, INPUT, MEMORY, NOT_FINITE = 85, 86, 87, 88
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
FLAGS = ["row", "weight", "mixed"]
COLUMNS = [*FLAGS, "prompt_ids", "chosen_ids", "rejected_ids", "ref_chosen_logps", "ref_rejected_logps"]
LOSSES = {"sigmoid": "sigmoid", "cdpo": "sigmoid", "robust": "robust", "ipo": "ipo"}

# The reference comes with the rows: no model is loaded for it, and none hashed.
trl.trainer.dpo_trainer.create_model_from_path = lambda *_, **__: None
trl.trainer.dpo_trainer.hash_module = lambda *_: None


class Refused(Exception):
    """What was asked for cannot be done here."""


stop_asked = False


def ask_stop(*_):
    global stop_asked
    stop_asked = True


def end_with_parent():
    """The process of Winnow that started this one may be killed: nobody would take the results."""
    parent = int(os.environ.get("WINNOW_PARENT", "0"))
    while parent:
        time.sleep(2)
        try:
            os.kill(parent, 0)
        except ProcessLookupError:
            os._exit(1)


def tell_end(code, says=""):
    print(json.dumps({"ends": code, "says": says}), flush=True)
    if says:
        print(says, file=sys.stderr, flush=True)


def read_rows(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


class Winnow(DPOTrainer):
    """DPO on rows that are tokens already, in the order in which they stand."""

    def __init__(self, job, **given):
        self.job = job
        self.out = Path(job["out"])
        self.micro = {"rows": [], "losses": []}
        self.norm = None
        super().__init__(**given)
        # The reference comes with the rows: a copy of the first adapter would only take memory.
        if isinstance(self.model, PeftModel) and "ref" in self.model.peft_config:
            self.model.delete_adapter("ref")
        collate = self.data_collator

        def with_rows(examples):
            more = {key: torch.tensor([example[key] for example in examples]) for key in FLAGS}
            return {**collate(examples), **more}

        self.data_collator = with_rows
        # It must not be saved beside a model.
        self.processing_class = None

    def _prepare_dataset(self, dataset, *_args, **_kwargs):
        return dataset

    def _precompute_ref_logps(self, dataset, *_args, **_kwargs):
        return dataset

    def _set_signature_columns_if_needed(self):
        self._signature_columns = COLUMNS

    def file(self, name):
        return self.out / f"{name}.{self.accelerator.process_index}.jsonl"

    def tell(self, **event):
        if self.accelerator.is_main_process:
            print(json.dumps(event), flush=True)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        rows, weights, mixed = (inputs.pop(key) for key in FLAGS)
        count = len(rows)
        # Of the whole step: every rank must call the model equally often.
        if not mixed[0]:
            loss = super().compute_loss(model, inputs) * weights[0]
        else:
            # TRL gives the mean of a batch: pairs that count differently go one by one.
            pick = lambda i: {key: value[[i, count + i]] if len(value) == 2 * count else value[[i]] for key, value in inputs.items()}
            loss = sum(super(Winnow, self).compute_loss(model, pick(i)) * weights[i] for i in range(count)) / count
        self.micro["rows"].append(rows.tolist())
        self.micro["losses"].append(loss.detach())
        return loss

    def _get_grad_norm(self, model, grad_norm=None):
        norm = super()._get_grad_norm(model, grad_norm)
        # DeepSpeed may not know it.
        self.norm = None if norm is None else float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)
        return norm

    @torch.no_grad()
    def score(self, model, pairs, name):
        """Log-probabilities of pairs, the rank's share of them, longest first."""
        ranks, rank = self.accelerator.num_processes, self.accelerator.process_index
        size = self.job["scoreBatch"]
        longest = sorted(pairs, key=lambda pair: -len(pair["prompt_ids"]) - max(len(pair["chosen_ids"]), len(pair["rejected_ids"])))
        own = longest[rank::ranks]
        # Sharded models need the same number of passes on every rank.
        passes = math.ceil(math.ceil(len(longest) / ranks) / size)
        was_training = model.training
        model.eval()
        lines = []
        for n in range(passes):
            batch = own[n * size : (n + 1) * size] or longest[:1]
            filled = [{**pair, "row": 0, "weight": 1.0, "mixed": False, "ref_chosen_logps": 0.0, "ref_rejected_logps": 0.0} for pair in batch]
            inputs = self._prepare_inputs(self.data_collator(filled))
            mask = inputs["completion_mask"]
            labels = inputs["input_ids"].masked_fill(mask == 0, -100)
            with self.compute_loss_context_manager():
                found = model(
                    input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], labels=labels, use_cache=False, fused_lm_head=True
                )
            tokens, counted = found.log_probs.float(), mask[:, 1:].bool()
            tokens = tokens[:, -counted.size(1) :] * counted
            even = counted & ((counted.cumsum(1) - 1) % 2 == 0)
            sums, evens = tokens.double().sum(1).tolist(), (tokens * even).double().sum(1).tolist()
            if n * size < len(own):
                half = len(batch)
                lines += [
                    {"id": pair["id"], "row": pair["row"], "chosen": sums[i], "rejected": sums[half + i], "chosenEven": evens[i], "rejectedEven": evens[half + i]}
                    for i, pair in enumerate(batch)
                ]
            if name == "log-probs":
                self.tell(done=min(len(longest), (n + 1) * size * ranks), total=len(longest), what="pairs")
            if stop_asked and name == "log-probs":
                sys.exit(STOPPED)
        model.train(was_training)
        write_lines(self.file(name), lines)


def write_lines(path, lines):
    """Whole or not at all. What is no number is written as a word: Winnow names the pair."""
    for line in lines:
        line.update({key: str(value) for key, value in line.items() if isinstance(value, float) and not math.isfinite(value)})
    temp = path.with_suffix(".tmp")
    temp.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    os.replace(temp, path)


class Steps(TrainerCallback):
    """After each step: what it consumed, the scores due, a checkpoint from time to time or when asked to stop."""

    def __init__(self, trainer, held_out):
        self.trainer, self.held_out = trainer, held_out
        self.saved_at = time.monotonic()
        self.rate = None

    def on_pre_optimizer_step(self, args, state, control, **_):
        self.rate = self.trainer.lr_scheduler.get_last_lr()[0]

    def on_step_end(self, args, state, control, model=None, **_):
        trainer, job, step = self.trainer, self.trainer.job, state.global_step
        losses = torch.stack(trainer.micro["losses"])
        mean = trainer.accelerator.gather(losses.mean().reshape(1)).mean().item()
        with open(trainer.file("order"), "a", encoding="utf-8") as file:
            line = {"step": step, "rows": trainer.micro["rows"], "loss": mean, "learningRate": self.rate, "gradNorm": trainer.norm}
            file.write(json.dumps(line) + "\n")
        trainer.micro = {"rows": [], "losses": []}
        if not (math.isfinite(mean) and math.isfinite(trainer.norm or 0)):
            # Of every rank: the first to end takes the others with it.
            print(json.dumps({"diverged": step, "loss": str(mean), "gradNorm": str(trainer.norm)}), flush=True)
            tell_end(NOT_FINITE)
            os._exit(NOT_FINITE)
        if step in job["scoreAt"]:
            trainer.score(trainer.model_wrapped, self.held_out, f"scores-{step}")
        trainer.tell(done=step, total=state.max_steps, what="steps", loss=mean)
        due = time.monotonic() - self.saved_at > job["saveSeconds"]
        flags = torch.tensor([int(stop_asked), int(due)], device=trainer.accelerator.device)
        stop, due = (int(flag) for flag in trainer.accelerator.reduce(flags, "sum"))
        last = step >= state.max_steps
        control.should_save = bool((stop or due) and not last)
        control.should_training_stop = bool(stop) or last

    def on_save(self, args, state, control, **_):
        self.saved_at = time.monotonic()
        self.trainer.accelerator.wait_for_everyone()
        self.trainer.tell(saved=state.global_step)


def open_model(job):
    dtype = getattr(torch, job["dtype"])
    # Training every weight needs float32 to add small steps to; the products are rounded by autocast.
    loaded = torch.float32 if job["train"] and job["method"] == "full" else dtype
    model = AutoModelForCausalLM.from_pretrained(job["model"], dtype=loaded, attn_implementation=job["attention"])
    if job["adapter"] is None:
        return model
    return PeftModel.from_pretrained(model, job["adapter"], is_trainable=job["train"])


def settings(job):
    return DPOConfig(
        output_dir=job["checkpoints"],
        per_device_train_batch_size=job["microBatch"],
        gradient_accumulation_steps=job["accumulation"],
        max_steps=max(1, job["steps"]),
        learning_rate=job["learningRate"],
        lr_scheduler_type={"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}[job["schedule"]],
        warmup_steps=job["warmupSteps"],
        optim="adamw_torch",
        adam_beta1=job["adamBeta1"],
        adam_beta2=job["adamBeta2"],
        adam_epsilon=job["adamEpsilon"],
        weight_decay=job["weightDecay"],
        max_grad_norm=job["maxGradNorm"],
        beta=job["beta"],
        loss_type=[LOSSES[job["loss"]]],
        label_smoothing=job["labelSmoothing"],
        max_length=None,
        precompute_ref_log_probs=True,
        disable_dropout=True,
        train_sampling_strategy="sequential",
        remove_unused_columns=True,
        bf16=job["dtype"] == "bfloat16",
        use_cpu=not torch.cuda.is_available(),
        gradient_checkpointing=job["gradientCheckpointing"],
        gradient_checkpointing_kwargs={"use_reentrant": False},
        save_strategy="no",
        logging_strategy="no",
        log_level="error",
        report_to=[],
        disable_tqdm=True,
        seed=0,
    )


def run(job):
    # Rows are tokens already: the trainer only wants something to pad with, and masks it.
    words = Tokenizer(WordLevel({"<pad>": 0}, unk_token="<pad>"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<pad>")
    rows = read_rows(job["rows"])
    dataset = Dataset.from_list([{key: row[key] for key in COLUMNS} for row in rows]) if job["train"] else None
    held_out = read_rows(job["heldOut"]) if job["heldOut"] else []
    if dataset is None:
        dataset = Dataset.from_list([{**dict.fromkeys(COLUMNS, 0.0), "row": 0, "mixed": False, "prompt_ids": [0], "chosen_ids": [0], "rejected_ids": [0]}])
    trainer = Winnow(job, model=open_model(job), args=settings(job), train_dataset=dataset, processing_class=tokenizer)
    # Accelerate silently trains copies where it cannot share a model out, as on a machine without a GPU.
    if not {"fsdp2": trainer.is_fsdp_enabled, "zero2": trainer.is_deepspeed_enabled, "zero3": trainer.is_deepspeed_enabled}.get(job["parallel"], True):
        raise Refused(f"Accelerate does not share the model out as {job['parallel']} does: it needs GPUs")
    if not job["train"]:
        trainer.score(trainer.model.to(trainer.accelerator.device), held_out, "log-probs")
        return 0
    trainer.add_callback(Steps(trainer, held_out))
    trainer.train(resume_from_checkpoint=job["resume"])
    if trainer.state.global_step < job["steps"]:
        return STOPPED
    if job["keep"]:
        trainer.save_model(job["keep"])
    return 0


def main():
    # The log is for what happens to the work.
    warnings.filterwarnings("ignore", category=FutureWarning)
    signal.signal(signal.SIGTERM, ask_stop)
    signal.signal(signal.SIGINT, ask_stop)
    threading.Thread(target=end_with_parent, daemon=True).start()
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    # A launcher is not to be asked to stop: it would not wait for a step to end.
    print(json.dumps({"pid": os.getpid()}), flush=True)
    code, says = 0, ""
    try:
        code = run(job)
    except torch.OutOfMemoryError as error:
        code, says = MEMORY, f"out of memory: {error}"
    except Refused as error:
        code, says = INPUT, str(error)
    except (OSError, KeyError) as error:
        code, says = 1 if getattr(error, "errno", None) in DISK_FULL else INPUT, f"{type(error).__name__}: {error}"
    except RuntimeError as error:
        # The CPU's allocator has no error of its own.
        if "allocate memory" not in str(error):
            raise
        code, says = MEMORY, f"out of memory: {error}"
    if code != 0:
        tell_end(code, says)
    return code


if __name__ == "__main__":
    code = main()
    if code not in (0, STOPPED):
        # Other ranks may wait for this one: its launcher ends them.
        os._exit(code)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        # The first that ends with a code makes the launcher kill the others.
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
    sys.exit(code)
