"""Would scoring in int8 leave the ranking as it is? Emulated in PyTorch, before any kernel is written.

    python int8_ranking.py MODEL.safetensors DATA PIXELS BATCH [CANDIDATES]

MODEL is a SqueezeNet 1.1 that `acft simulate` trained (a run's models/), DATA a folder with a labels.csv.
Weights are int8 with a scale for each output channel; what a layer reads is unsigned int8 with one scale,
calibrated on 512 patches: by the largest value, by the 99.99th percentile, and also with a scale for each image
(its largest value), which no fixed calibration can beat. Sums are exact, as those of `vpdpbusd` are; the first layer
reads int8, and the logits are not rounded. Printed beside bf16, which rounds the same tensors to eight bits
of a float: what share of the window (5 batches) stays in it, and Spearman's rank correlation.
"""

import csv
import os
import sys
from types import SimpleNamespace

import numpy as np
import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file
from scipy.stats import spearmanr

from peer_torch import patches_of, scores

PATCHES, ALPHA, OMEGA = 12, 0.25, 5
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


def candidates(folder: str, pixels: int, count: int) -> torch.Tensor:
    """The patches of images of the pool, drawn: [candidate * patch, 3, pixels, pixels] in bytes."""
    with open(f"{folder}/labels.csv") as file:
        names = sorted(row["file"] for row in csv.DictReader(file) if row.get("split", "train") == "train")
    names = np.random.default_rng(0).permutation(names)[:count]
    found = [next(filter(os.path.exists, (f"{folder}/images/{name}", f"{folder}/{name}"))) for name in names]
    patches = np.stack([patches_of(Image.open(path).convert("RGB"), pixels, PATCHES) for path in found])
    return torch.from_numpy(patches.reshape(-1, pixels, pixels, 3)).permute(0, 3, 1, 2)


class Rounded:
    """The network with what its convolutions read and multiply rounded by `way`."""

    def __init__(self, net, way, sample):
        self.net, self.way, self.scales = net, way, {}
        self.convolutions = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d)]
        self.kept = [m.weight.data.clone() for m in self.convolutions]
        if way in ("largest", "percentile"):
            hooks = [m.register_forward_pre_hook(self.calibrate) for m in self.convolutions]
            net(sample)
            for hook in hooks:
                hook.remove()

    def calibrate(self, module, inputs):
        x = inputs[0].abs().flatten()
        largest = x.max() if self.way == "largest" else np.quantile(x.numpy(), 0.9999)
        # The first layer reads both signs: one bit fewer.
        self.scales[module] = float(largest) / (127 if inputs[0].min() < 0 else 255)

    def read(self, module, inputs):
        (x,) = inputs
        if self.way == "bf16":
            return (x.bfloat16().float(),)
        least, most = (-127, 127) if x.min() < 0 else (0, 255)
        scale = self.scales.get(module) or x.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12) / most
        return ((x / scale).round().clamp(least, most) * scale,)

    def __enter__(self):
        if self.way == "f32":
            return self.net
        for module in self.convolutions:
            weight = module.weight.data
            if self.way == "bf16":
                module.weight.data = weight.bfloat16().float()
            else:
                scale = weight.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12) / 127
                module.weight.data = (weight / scale).round() * scale
        self.hooks = [m.register_forward_pre_hook(self.read) for m in self.convolutions]
        return self.net

    def __exit__(self, *_):
        if self.way != "f32":
            for module, weight in zip(self.convolutions, self.kept):
                module.weight.data = weight
            for hook in self.hooks:
                hook.remove()


def main():
    model, folder, pixels, batch, *count = sys.argv[1:]
    state = load_file(model)
    state = {k: v for k, v in state.items() if k.startswith(("features", "classifier"))}
    net = torchvision.models.squeezenet1_1(num_classes=state["classifier.1.bias"].numel())
    net.load_state_dict(state)
    net.eval()
    x = candidates(folder, int(pixels), int(count[0]) if count else 2000)
    part = lambda bytes: (bytes.float() / 255 - MEAN) / STD
    found = {}
    with torch.inference_mode():
        sample = part(x[torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:512]])
        for way in ("f32", "bf16", "largest", "percentile", "per image"):
            with Rounded(net, way, sample) as rounded:
                p = torch.cat([rounded(part(bytes)).double().softmax(1) for bytes in x.split(192)])
                p = p.numpy().reshape(-1, PATCHES, p.shape[1])
            found[way] = {
                criterion: scores(p, SimpleNamespace(alpha=ALPHA, criterion=criterion))
                for criterion in ("entropy", "diversity")
            }
    window = OMEGA * int(batch)
    for criterion, exact in found["f32"].items():
        top = set(np.argsort(-exact, kind="stable")[:window])
        for way in list(found)[1:]:
            other = found[way][criterion]
            common = len(top & set(np.argsort(-other, kind="stable")[:window])) / window
            print(f"{criterion:9} {way:10} {common:6.1%} in common, rank correlation {spearmanr(exact, other)[0]:.3f}")


main()
