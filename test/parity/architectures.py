"""The tiny random checkpoints: one entry an architecture, every feature of it small enough to matter."""

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import transformers as tf

VOCAB = 67
WIDTH = dict(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    vocab_size=VOCAB,
    max_position_embeddings=256,
    bos_token_id=1,
    eos_token_id=2,
    # A pad id would make torch keep that row of the embedding without gradient.
    pad_token_id=None,
)
ROPE = dict(rope_type="default", rope_theta=10000.0)
SPLIT = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
FUSED = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]


@dataclass(frozen=True)
class Architecture:
    name: str
    config: tf.PreTrainedConfig
    # config.json as transformers 4 wrote it and most of the hub still has it: keys to take out, keys to put in.
    old_without: tuple[str, ...] = ()
    old_with: dict[str, Any] = field(default_factory=dict)
    seed: int = 1
    lora_targets: tuple[str, ...] = ()  # empty: no adapter
    full_gradient: str = ""  # "perturbed": the policy is the checkpoint plus noise; "checkpoint": itself
    trl: tuple[str, ...] = ()  # trainings by TRL: "lora", "full", and with a loss of trl_training.py "lora-ld" …
    dtype: torch.dtype = torch.float32  # on disk; numbers are always computed in float32
    max_shard_size: str = "1GB"


def architectures() -> list[Architecture]:
    llama = tf.LlamaConfig(**WIDTH, head_dim=8, tie_word_embeddings=True, rope_parameters=ROPE)
    qwen2 = tf.Qwen2Config(**WIDTH, tie_word_embeddings=False, rope_parameters=ROPE)
    theta = dict(rope_theta=10000.0)
    llama3_scaling = dict(
        rope_type="llama3",
        factor=8.0,
        low_freq_factor=1.0,
        high_freq_factor=4.0,
        original_max_position_embeddings=32,
    )
    return [
        Architecture(
            "llama",
            llama,
            old_with=theta,
            lora_targets=SPLIT,
            full_gradient="perturbed",
            trl=("lora", "full", "lora-ld", "full-ld", "lora-anchor", "full-anchor"),
        ),
        Architecture("llama-bf16", llama, old_with=theta, dtype=torch.bfloat16),
        Architecture("llama-sharded", llama, old_with=theta, max_shard_size="24KB"),
        Architecture(
            "llama-untied-bias",
            tf.LlamaConfig(
                **WIDTH,
                head_dim=8,
                tie_word_embeddings=False,
                attention_bias=True,
                mlp_bias=True,
                rms_norm_eps=1e-5,
                rope_parameters=ROPE,
            ),
            old_with=theta,
            full_gradient="perturbed",
        ),
        Architecture(
            "llama3-rope",
            # Four frequencies, wavelengths 6.3, 30, 140 and 664: one is kept, one is blended, two are divided by 8.
            tf.LlamaConfig(
                **WIDTH,
                head_dim=8,
                tie_word_embeddings=True,
                rope_parameters=dict(rope_theta=500.0, **llama3_scaling),
            ),
            old_with=dict(rope_theta=500.0, rope_scaling=llama3_scaling),
            full_gradient="checkpoint",
        ),
        Architecture(
            "mistral-sliding",
            tf.MistralConfig(**WIDTH, head_dim=8, sliding_window=8, rope_parameters=ROPE),
            old_with=theta,
            full_gradient="checkpoint",
        ),
        Architecture(
            "qwen2",
            qwen2,
            old_without=("layer_types",),
            # As on the hub: a window is named and not used.
            old_with=dict(**theta, sliding_window=8, use_sliding_window=False, max_window_layers=2),
            lora_targets=SPLIT,
            full_gradient="checkpoint",
            trl=("lora",),
        ),
        Architecture("qwen2-bf16", qwen2, old_without=("layer_types",), old_with=theta, dtype=torch.bfloat16),
        Architecture(
            "qwen3",
            tf.Qwen3Config(**WIDTH, head_dim=12, tie_word_embeddings=True, rope_parameters=ROPE),
            old_without=("layer_types",),
            old_with=theta,
            lora_targets=SPLIT,
            full_gradient="checkpoint",
        ),
        Architecture(
            "gemma2",
            tf.Gemma2Config(
                **WIDTH,
                head_dim=8,
                sliding_window=8,
                query_pre_attn_scalar=24,
                attn_logit_softcapping=2.0,
                final_logit_softcapping=3.0,
                rope_parameters=ROPE,
            ),
            old_without=("layer_types",),
            old_with=theta,
            lora_targets=SPLIT,
            full_gradient="checkpoint",
        ),
        Architecture(
            "gemma3-text",
            tf.Gemma3TextConfig(
                **{**WIDTH, "num_hidden_layers": 4},
                head_dim=8,
                sliding_window=8,
                query_pre_attn_scalar=24,
                sliding_window_pattern=3,
                rope_parameters=dict(
                    sliding_attention=dict(rope_type="default", rope_theta=10000.0),
                    full_attention=dict(rope_type="default", rope_theta=1000000.0),
                ),
            ),
            old_without=("layer_types", "_sliding_window_pattern"),
            old_with=dict(rope_theta=1000000.0, rope_local_base_freq=10000.0, sliding_window_pattern=3),
            full_gradient="checkpoint",
        ),
        Architecture(
            "phi3",
            tf.Phi3Config(
                **WIDTH,
                sliding_window=16,
                original_max_position_embeddings=256,
                rope_parameters=ROPE,
            ),
            old_with=dict(rope_theta=10000.0, rope_scaling=None),
            lora_targets=FUSED,
            full_gradient="checkpoint",
        ),
        Architecture(
            # Phi-4-mini's ways: half of each head is turned (8 -> 4: two planes), with divisors of their own.
            "phi3-longrope",
            tf.Phi3Config(
                **WIDTH,
                original_max_position_embeddings=64,
                tie_word_embeddings=True,
                rope_parameters=dict(
                    rope_type="longrope",
                    rope_theta=10000.0,
                    partial_rotary_factor=0.5,
                    short_factor=[1.5, 2.5],
                    long_factor=[3.0, 9.0],
                    factor=4.0,
                    original_max_position_embeddings=64,
                ),
            ),
            old_with=dict(
                rope_theta=10000.0,
                partial_rotary_factor=0.5,
                rope_scaling=dict(type="longrope", short_factor=[1.5, 2.5], long_factor=[3.0, 9.0]),
            ),
            full_gradient="checkpoint",
        ),
        Architecture(
            # As Gemma 3 of 4B and more: the full layers' rope is stretched, the windowed ones' not.
            "gemma3-linear-rope",
            tf.Gemma3TextConfig(
                **WIDTH,
                head_dim=8,
                sliding_window=8,
                query_pre_attn_scalar=24,
                sliding_window_pattern=2,
                rope_parameters=dict(
                    sliding_attention=dict(rope_type="default", rope_theta=10000.0),
                    full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1000000.0),
                ),
            ),
            old_without=("layer_types", "_sliding_window_pattern"),
            old_with=dict(
                rope_theta=1000000.0,
                rope_local_base_freq=10000.0,
                rope_scaling=dict(rope_type="linear", factor=8.0),
                sliding_window_pattern=2,
            ),
        ),
        Architecture(
            "smollm3",
            tf.SmolLM3Config(**{**WIDTH, "num_hidden_layers": 4}, no_rope_layer_interval=2, rope_parameters=ROPE),
            old_without=("layer_types",),
            old_with=theta,
            full_gradient="checkpoint",
        ),
    ]


def normal(shape: tuple[int, ...], *label: object) -> torch.Tensor:
    """Standard normal numbers that depend on the label alone, not on order, platform or torch's generator."""
    seed = zlib.crc32("/".join(map(str, label)).encode())
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def randomise(model: torch.nn.Module, seed: int, std: float = 0.2) -> None:
    """Every parameter normal, so that every tensor matters: norm weights round their neutral value."""
    # Gemma multiplies by 1 + w: its neutral weight is 0.
    neutral = 0.0 if model.config.model_type.startswith("gemma") else 1.0
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = std * normal(parameter.shape, seed, name)
            parameter.copy_(noise + neutral if "norm" in name else noise)


def perturb(model: torch.nn.Module, seed: int, std: float = 0.02) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.add_(std * normal(parameter.shape, seed, "perturbed", name))


def build(architecture: Architecture) -> torch.nn.Module:
    config = type(architecture.config).from_dict(architecture.config.to_dict())
    model = tf.AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float32)
    randomise(model, architecture.seed)
    return model.to(architecture.dtype).eval()


def build_reward_model(config: tf.PreTrainedConfig, seed: int = 2) -> torch.nn.Module:
    """The same decoder with a score of one number, as reward models are saved."""
    config = type(config).from_dict({**config.to_dict(), "num_labels": 1, "id2label": {0: "LABEL_0"}, "label2id": {"LABEL_0": 0}})
    model = tf.AutoModelForSequenceClassification.from_config(config, attn_implementation="eager", dtype=torch.float32)
    randomise(model, seed)
    return model.eval()


def load(folder: str) -> torch.nn.Module:
    return tf.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
