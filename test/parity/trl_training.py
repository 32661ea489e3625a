"""What TRL's DPOTrainer does in ten steps, on rows that are already token ids, in the order given."""

import tempfile
from dataclasses import dataclass

import transformers as tf
from datasets import Dataset
from peft import LoraConfig, TaskType
from tokenizers import Tokenizer, models
from trl import DPOConfig, DPOTrainer

from architectures import VOCAB, load
from data import TRAINING_BATCH, TRAINING_STEPS, training_pairs
from measure import BETA

PEAK_LEARNING_RATE = 1e-3
WARMUP_SHARE = 0.1
MAX_GRAD_NORM = 1.0


@dataclass(frozen=True)
class Loss:
    """A loss of TRL, in the words of winnow.yaml."""

    ld_alpha: float | None = None  # loss: ld-dpo, lossAlpha
    anchor_weight: float = 0.0  # anchorWeight


LOSSES = {"": Loss(), "ld": Loss(ld_alpha=0.3), "anchor": Loss(anchor_weight=0.5)}


class Watch(tf.TrainerCallback):
    """The learning rate that each step is made with, and the norm of the gradient before it is clipped."""

    def __init__(self):
        self.rates: list[float] = []
        self.norms: list[float] = []

    def on_pre_optimizer_step(self, args, state, control, optimizer=None, **kwargs):
        self.rates.append(optimizer.param_groups[0]["lr"])

    def on_log(self, args, state, control, logs=None, **kwargs):
        if "grad_norm" in logs:
            self.norms.append(float(logs["grad_norm"]))


class Trainer(DPOTrainer):
    """DPOTrainer as it is, except that rows arrive tokenised and that the loss is kept unrounded."""

    def __init__(self, *args, **kwargs):
        self.losses: list[float] = []
        super().__init__(*args, **kwargs)

    def _prepare_dataset(self, dataset, *args, **kwargs):
        # TRL would append the eos token to strings and tokenise again.
        return dataset

    def compute_loss(self, model, inputs, **kwargs):
        loss = super().compute_loss(model, inputs, **kwargs)
        self.losses.append(loss.item())
        return loss


def tokenizer() -> tf.PreTrainedTokenizerFast:
    """TRL wants one; here it only says that padding is 0."""
    words = {f"t{n}": n for n in range(VOCAB)}
    return tf.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="t0")), pad_token="t0", eos_token="t2"
    )


def trainer_of(folder: str, lora_targets, loss: Loss) -> tuple[Trainer, Watch]:
    """Without targets all weights are trained, and TRL loads the reference from the same folder."""
    rows = [{f"{name}_ids": ids for name, ids in pair.items()} for pair in training_pairs()]
    watch = Watch()
    # TRL's "sft" is a mean over the tokens of a batch, the anchor one over each completion's: the same for one pair.
    anchored = loss.anchor_weight > 0
    device_batch = 1 if anchored else TRAINING_BATCH
    config = DPOConfig(
        output_dir=tempfile.mkdtemp(),
        use_cpu=True,
        bf16=False,  # TRL's default is True
        gradient_checkpointing=False,  # TRL's default is True
        per_device_train_batch_size=device_batch,
        gradient_accumulation_steps=TRAINING_BATCH // device_batch,
        max_steps=TRAINING_STEPS,
        learning_rate=PEAK_LEARNING_RATE,
        lr_scheduler_type="cosine",
        warmup_steps=WARMUP_SHARE,  # below 1: a share of the steps, rounded up
        weight_decay=0.0,
        max_grad_norm=MAX_GRAD_NORM,
        beta=BETA,
        loss_type=["sigmoid", "sft"] if anchored else ["sigmoid"],
        loss_weights=[1.0, loss.anchor_weight] if anchored else None,
        ld_alpha=loss.ld_alpha,
        max_length=None,
        train_sampling_strategy="sequential",
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=0,
    )
    peft_config = (
        LoraConfig(
            r=4, lora_alpha=8, lora_dropout=0.0, target_modules=list(lora_targets), task_type=TaskType.CAUSAL_LM
        )
        if lora_targets
        else None
    )
    trainer = Trainer(
        model=load(folder),
        args=config,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer(),
        peft_config=peft_config,
        callbacks=[watch],
    )
    trainer.remove_callback(tf.PrinterCallback)
    return trainer, watch


def pair_losses(trainer: Trainer) -> list[float]:
    """TRL's loss of each pair alone, in evaluation mode."""
    trainer.model.eval()
    losses = []
    for row in trainer.train_dataset:
        batch = trainer.data_collator([row])
        losses.append(trainer._compute_loss(trainer.model, batch, False).item())
    trainer._metrics["eval"].clear()
    return losses


def train(trainer: Trainer, watch: Watch, loss: Loss) -> dict:
    before = pair_losses(trainer)
    trainer.losses.clear()
    trainer.train()
    parts = trainer.args.gradient_accumulation_steps
    losses = [sum(trainer.losses[n : n + parts]) / parts for n in range(0, len(trainer.losses), parts)]
    rows = zip(losses, watch.rates, watch.norms, strict=True)
    steps = [
        {"step": n + 1, "loss": mean, "learningRate": rate, "gradNorm": norm}
        for n, (mean, rate, norm) in enumerate(rows)
    ]
    if len(steps) != TRAINING_STEPS:
        raise RuntimeError(f"{len(steps)} steps instead of {TRAINING_STEPS}")
    return {
        "beta": BETA,
        **({} if loss.ld_alpha is None else {"ldAlpha": loss.ld_alpha}),
        **({} if loss.anchor_weight == 0 else {"anchorWeight": loss.anchor_weight}),
        "batchPairs": TRAINING_BATCH,
        "peakLearningRate": PEAK_LEARNING_RATE,
        "warmupSteps": 1,
        "schedule": "cosine",
        "optimizer": {"name": str(trainer.args.optim.value), "betas": [0.9, 0.999], "eps": trainer.args.adam_epsilon},
        "weightDecay": 0,
        "maxGradNorm": MAX_GRAD_NORM,
        "steps": steps,
        "pairLossesBefore": before,
        "pairLossesAfter": pair_losses(trainer),
        "pairs": training_pairs(),
    }
