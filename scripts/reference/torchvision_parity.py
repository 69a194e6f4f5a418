#!/usr/bin/env python3
"""What torchvision's networks answer, for the test `models_parity` to compare with.

    pip install torch torchvision numpy safetensors
    python scripts/reference/torchvision_parity.py [FOLDER] > crates/acft-vision/tests/fixtures/torchvision_parity.json

Weights and images come from an integer hash that the test computes too, so nothing but the answers is kept.
For each network and input size: logits in inference; the first features before the head; and, with dropout off and batch
norm in training, the loss and the absolute sums of its gradients of a few tensors. "linear" SqueezeNets are torchvision's
without the ReLU behind the last convolution.
Two short fine-tunings of the demo network: their losses, and how far each tensor went.
Where FOLDER has ImageNet weights (squeezenet1_0.safetensors, squeezenet1_1.safetensors), also their pooled features.
"""
import json
import pathlib
import sys

import numpy as np
import torch
import torchvision
from safetensors.torch import load_file
from torch import nn

CLASSES = 5
BATCH = 2
# At other sizes some activation lies so near 0, or so near another of its window, that the last digit of a sum decides which
# way a gradient goes: see `sensitivity`, which is printed for each.
SIZES = {
    "squeezenet1_0": [48, 81],
    "squeezenet1_1": [17, 57],
    "squeezenet1_0_linear": [48, 85],
    "squeezenet1_1_linear": [17, 57],
    "alexnet": [67, 130],
    "resnet18": [35, 64],
    "demo": [32, 45],
}


def fnv1a(name):
    h = 0x811C9DC5
    for byte in name.encode():
        h = (h ^ byte) * 0x01000193 & 0xFFFFFFFF
    return h


def uniform(name, n):
    """n numbers in [-1, 1): a hash of the name and the position (murmur3's finalizer)."""
    h = (np.arange(n, dtype=np.uint64) * 0x9E3779B1 + fnv1a(name)) & 0xFFFFFFFF
    h ^= h >> 16
    h = h * 0x85EBCA6B & 0xFFFFFFFF
    h ^= h >> 13
    h = h * 0xC2B2AE35 & 0xFFFFFFFF
    h ^= h >> 16
    return h.astype(np.float64) / 2.0**31 - 1.0


def value(name, shape):
    u = uniform(name, int(np.prod(shape)))
    if name.endswith("running_var"):
        u = 1.0 + 0.5 * u
    elif name.endswith("running_mean"):
        u = 0.1 * u
    elif len(shape) > 1:
        u = u * np.sqrt(6.0 / np.prod(shape[1:]))
    elif "bn" in name and name.endswith("weight") or name.endswith("downsample.1.weight"):
        u = 1.0 + 0.1 * u
    else:
        u = 0.05 * u
    return torch.from_numpy(u.astype(np.float32).reshape(shape))


def demo(classes):
    features = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.MaxPool2d(2),
        nn.Conv2d(32, 48, 3, padding=1), nn.Conv2d(48, 64, 3, padding=1))  # fmt: skip

    class Demo(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = features
            self.fc = nn.Linear(64, classes)

        def forward(self, x):
            for layer in self.features:
                x = layer(x)
                if isinstance(layer, nn.Conv2d):
                    x = torch.relu(x)
            return self.fc(x.mean((2, 3)))

    return Demo()


def build(name):
    base = name.removesuffix("_linear")
    net = demo(CLASSES) if name == "demo" else getattr(torchvision.models, base)(weights=None, num_classes=CLASSES)
    if base != name:
        assert isinstance(net.classifier[2], nn.ReLU)
        net.classifier[2] = nn.Identity()
    state = net.state_dict()
    for key, tensor in state.items():
        if not key.endswith("num_batches_tracked"):
            state[key] = value(key, tuple(tensor.shape))
    net.load_state_dict(state)
    return net


def head_of(name, net):
    return {"alexnet": lambda: net.classifier[6], "resnet18": lambda: net.fc, "demo": lambda: net.fc}.get(
        name, lambda: net.classifier[0])()  # fmt: skip


def rounded(tensor):
    return [float(f"{v:.8g}") for v in tensor.double().flatten().tolist()]


def trained(name, x, noise=0.0, seed=0):
    """The network after a backward pass, its loss, and the absolute sums of a few gradients; every layer's output with noise of
    so much of its largest value."""
    generator = torch.Generator().manual_seed(seed)

    def disturbed(_module, _inputs, y):
        return y + noise * y.detach().abs().max() * (2.0 * torch.rand(y.shape, generator=generator) - 1.0)

    net = build(name).train()
    for module in net.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if noise and isinstance(module, (nn.Conv2d, nn.Linear)):
            module.register_forward_hook(disturbed)
    loss = nn.functional.cross_entropy(net(x), torch.tensor([1, 3]))
    loss.backward()
    names = [key for key, _ in net.named_parameters()]
    picked = sorted({names[0], names[1], names[len(names) // 2], names[-4], names[-2], names[-1]})
    sums = {key: float(f"{p.grad.abs().double().sum():.8g}") for key, p in net.named_parameters() if key in picked}
    return net, loss, sums


def sensitivity(name, x, gradients):
    """How much noise of 1e-6, some times what rounding does, moves a gradient: the most in six draws, relative."""
    draws = [trained(name, x, noise=1e-6, seed=seed)[2] for seed in range(1, 7)]
    return max(abs(sums[key] / gradients[key] - 1.0) for sums in draws for key in gradients)


def case(name, size):
    net = build(name).eval()
    x = torch.from_numpy((2.0 * uniform("input", BATCH * 3 * size * size)).astype(np.float32)).reshape(BATCH, 3, size, size)
    seen = {}
    hook = head_of(name, net).register_forward_hook(lambda _m, inputs, _o: seen.update(before=inputs[0]))
    with torch.inference_mode():
        logits = net(x)
    hook.remove()
    before = seen["before"]
    features = before.mean((2, 3)) if before.dim() == 4 else before

    net, loss, gradients = trained(name, x)
    print(f"{name} at {size}: noise moves a gradient by up to {sensitivity(name, x, gradients):.1e}", file=sys.stderr)
    statistics = {
        key: rounded(tensor[:4]) for key, tensor in net.state_dict().items()
        if key in ("bn1.running_mean", "bn1.running_var", "layer3.1.bn2.running_var")
    }  # fmt: skip
    return {
        "network": name, "size": size, "logits": rounded(logits), "features": rounded(features[:, :8]),
        "loss": float(f"{loss.item():.8g}"), "gradients": gradients, "statistics": statistics,
    }  # fmt: skip


def pretrained(folder, name, size):
    net = getattr(torchvision.models, name)(weights=None).eval()
    state = load_file(folder / f"{name}.safetensors")
    net.load_state_dict({k: v for k, v in state.items() if k.startswith("features")}, strict=False)
    x = torch.from_numpy((2.0 * uniform("input", 3 * size * size)).astype(np.float32)).reshape(1, 3, size, size)
    with torch.inference_mode():
        features = net.features(x).mean((2, 3))
    return {"network": name, "size": size, "features": rounded(features[:, ::8])}


MEAN = np.array([0.485, 0.456, 0.406], np.float32).reshape(1, 3, 1, 1)
STD = np.array([0.229, 0.224, 0.225], np.float32).reshape(1, 3, 1, 1)


def patches(candidate, count, size):
    """Bytes of the patches of a candidate: noise, brighter where the candidate is odd."""
    u = uniform(f"candidate {candidate}", count * size * size * 3)
    return (100.0 + 50.0 * (candidate % 2) + 90.0 * u).astype(np.uint8).reshape(count, size, size, 3)


def course(optimizer, epochs=6, candidates=6, count=2, size=16):
    """Losses and weights of a fine-tuning in which every epoch is one step: ten times the rate for the head, both decaying."""
    torch.set_default_dtype(torch.float64)
    net = build("demo").double().train()
    x = np.concatenate([patches(c, count, size) for c in range(candidates)]).transpose(0, 3, 1, 2).astype(np.float32)
    x = torch.from_numpy(((x / np.float32(255) - MEAN) / STD)).double()
    y = torch.tensor([c % 2 for c in range(candidates) for _ in range(count)])
    groups = [{"params": net.features.parameters(), "lr": 1e-3}, {"params": net.fc.parameters(), "lr": 1e-2}]
    rule = torch.optim.Adam(groups) if optimizer == "adam" else torch.optim.SGD(groups, momentum=0.9)
    losses = []
    for _ in range(epochs):
        loss = nn.functional.cross_entropy(net(x), y)
        rule.zero_grad()
        loss.backward()
        rule.step()
        losses.append(float(f"{loss.item():.8g}"))
        for group in rule.param_groups:
            group["lr"] *= 0.95
    torch.set_default_dtype(torch.float32)
    # How far each tensor went, as a sum of absolute changes.
    moved = {key: float(f"{(p - value(key, tuple(p.shape)).double()).abs().sum().item():.8g}") for key, p in net.named_parameters()}
    return {"optimizer": optimizer, "losses": losses, "moved": moved}


def main():
    torch.set_num_threads(1)
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else None
    names = ["squeezenet1_0", "squeezenet1_1"] if folder else []
    real = [pretrained(folder, name, size) for name in names for size in (48, 224)]
    cases = [case(name, size) for name, sizes in SIZES.items() for size in sizes]
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__}
    print(json.dumps({"versions": versions, "classes": CLASSES, "batch": BATCH, "cases": cases, "pretrained": real,
                      "courses": [course("adam"), course("sgd")]}))


if __name__ == "__main__":
    main()
