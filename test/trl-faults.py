"""What goes wrong on GPUs, on a machine without one: `trl-faults.py worker.py JOB.json`, with WINNOW_FAULT saying what."""

import os
import runpy
import sys

import torch
import transformers


def out_of_memory():
    """From the third step on a pass of more than two pairs is too large."""
    training_step = transformers.Trainer.training_step

    def small(self, model, inputs, *more):
        if self.state.global_step >= 2 and len(inputs["row"]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return training_step(self, model, inputs, *more)

    transformers.Trainer.training_step = small


def last_gradient():
    """The gradient of the last step is no number, while its loss is one."""
    clip = transformers.Trainer._clip_grad_norm

    def poisoned(self, model):
        if self.state.global_step + 1 == self.state.max_steps:
            next(p for p in model.parameters() if p.grad is not None).grad.mul_(float("nan"))
        return clip(self, model)

    transformers.Trainer._clip_grad_norm = poisoned


{"oom": out_of_memory, "gradient": last_gradient}[os.environ["WINNOW_FAULT"]]()
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
