"""What transformers and PEFT compute: logits, log-probabilities, greedy generation, DPO gradients."""

import torch
from torch.nn.functional import log_softmax, logsigmoid

BETA = 0.1
NAMES = ("chosen", "rejected")


def logits_of(model, ids: list[int]) -> torch.Tensor:
    return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]


def positions(length: int) -> list[int]:
    """The first and the last four; for short sequences some twice."""
    return [*range(4), *range(length - 4, length)]


def log_prob(model, prompt: list[int], completion: list[int], shared: int, tail: float) -> torch.Tensor:
    """
    log p(completion | prompt): float64 sum over the completion's tokens of float32 log-softmax; no token added.
    Tokens after the first `shared` are multiplied by `tail`.
    """
    ids = prompt + completion
    logits = logits_of(model, ids)[len(prompt) - 1 : -1]
    of_tokens = log_softmax(logits, dim=-1).gather(1, torch.tensor(completion)[:, None])
    return of_tokens[:shared].double().sum() + tail * of_tokens[shared:].double().sum()


def log_probs(model, pairs, ld_alpha: float = 1.0) -> list[dict[str, torch.Tensor]]:
    def of(pair, name):
        shared = min(len(pair[other]) for other in NAMES) if ld_alpha != 1 else len(pair[name])
        return log_prob(model, pair["prompt"], pair[name], shared, ld_alpha)

    return [{name: of(pair, name) for name in NAMES} for pair in pairs]


def mean_nll(model, pairs) -> list[torch.Tensor]:
    """-log p(chosen | prompt) by token, one a pair"""
    return [-row["chosen"] / len(pair["chosen"]) for row, pair in zip(log_probs(model, pairs), pairs, strict=True)]


def numbers(rows) -> list[dict[str, float]]:
    return [{f"{name}LogProb": row[name].item() for name in NAMES} for row in rows]


def dpo_losses(policy, reference) -> list[torch.Tensor]:
    """-log sigmoid(beta * ((chosen - refChosen) - (rejected - refRejected))), one a pair"""
    return [
        -logsigmoid(BETA * ((p["chosen"] - r["chosen"]) - (p["rejected"] - r["rejected"])))
        for p, r in zip(policy, reference, strict=True)
    ]


def generate(model, prompt: list[int], count: int) -> dict:
    """Greedy with cache, eos ignored; and how near the runner-up came, which says how safe the choice is."""
    # transformers fills what its argument leaves out from the model's own generation config.
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    ids = torch.tensor([prompt])
    out = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=count, do_sample=False, use_cache=True
    )[0].tolist()
    top = logits_of(model, out[:-1])[len(prompt) - 1 :].topk(2, dim=-1)
    tokens = out[len(prompt) :]
    if len(tokens) != count or top.indices[:, 0].tolist() != tokens:
        raise RuntimeError("generation with cache and the full forward pass disagree")
    return {"prompt": prompt, "tokens": tokens, "smallestGap": (top.values[:, 0] - top.values[:, 1]).min().item()}


def gradients(model, pairs, reference):
    """Mean DPO loss over the pairs and its gradients by name; also the policy's log-probs and each loss."""
    model.zero_grad(set_to_none=True)
    policy = log_probs(model, pairs)
    losses = dpo_losses(policy, reference)
    mean = torch.stack(losses).mean()
    mean.backward()
    report = {
        "beta": BETA,
        "meanLoss": mean.item(),
        "pairs": [
            {
                **{f"{name}LogProb": p[name].item() for name in NAMES},
                **{f"ref{name.capitalize()}LogProb": r[name].item() for name in NAMES},
                "loss": loss.item(),
            }
            for p, r, loss in zip(policy, reference, losses, strict=True)
        ],
    }
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad(set_to_none=True)
    return report, found
