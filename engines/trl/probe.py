"""What `winnow doctor --engine trl` asks: versions, GPUs, and one product of matrices. Prints one JSON object."""

import importlib.metadata
import json
import sys
import time

import torch


def product(device, dtype, n):
    a = torch.full((n, n), 0.5, device=device, dtype=dtype)
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    a @ a
    wait()
    begun, times = time.monotonic(), 0
    while time.monotonic() - begun < 1 or times < 3:
        a @ a
        wait()
        times += 1
    return 2 * n**3 * times / (time.monotonic() - begun)


def main():
    versions = {}
    for name in sys.argv[1:]:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    gpus = [
        {"name": torch.cuda.get_device_name(i), "bytes": torch.cuda.get_device_properties(i).total_memory}
        for i in range(torch.cuda.device_count())
    ]
    device = "cuda" if gpus else "cpu"
    rate = product(device, torch.bfloat16 if gpus else torch.float32, 8192 if gpus else 1024)
    print(json.dumps({"python": sys.version.split()[0], "versions": versions, "gpus": gpus, "device": device, "flops": rate}))


main()
