"""FSDP2 on a machine without a GPU: PyTorch shares a model out over gloo too, only Accelerate does not ask it to.

Found by Python through PYTHONPATH, in every process that a launcher starts.
"""

import os
import sys

if os.environ.get("ACCELERATE_USE_FSDP") == "true" and any("job.json" in word for word in sys.orig_argv):
    from accelerate import state

    init = state.AcceleratorState.__init__

    def shared(self, *args, fsdp_plugin=None, **more):
        init(self, *args, fsdp_plugin=fsdp_plugin, **more)
        if fsdp_plugin is not None:
            self.fsdp_plugin, self.distributed_type = fsdp_plugin, state.DistributedType.FSDP
            state.PartialState._shared_state["distributed_type"] = state.DistributedType.FSDP

    state.AcceleratorState.__init__ = shared
