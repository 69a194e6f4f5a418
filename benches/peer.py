"""What a careful user gets from PyTorch: scoring and fine-tuning of torchvision's networks.

It reads one job a line and answers each with a line of JSON, as the example `throughput` of acft-vision does:

    score NETWORK PIXELS SETTING FILE SECONDS
    train NETWORK PIXELS SETTING FILE PATCHES EPOCHS MINI_BATCH
    flops NETWORK PIXELS
    gemm DTYPE
    dense IMAGES

SETTING is `default`, `channels_last` or `bf16` (channels_last under autocast). FILE holds patches of
PIXELS x PIXELS x 3 bytes, which are normalised within the measured time, as ours are.
"""

import json
import os
import sys
import time

import numpy as np
import torch
import torchvision

torch.set_num_threads(len(os.sched_getaffinity(0)))
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


def patches(file: str, pixels: int) -> torch.Tensor:
    return torch.from_numpy(np.fromfile(file, np.uint8).reshape(-1, pixels, pixels, 3))


def network_input(x: torch.Tensor, layout: torch.memory_format) -> torch.Tensor:
    x = x.permute(0, 3, 1, 2).float().div_(255)
    return x.sub_(MEAN).div_(STD).contiguous(memory_format=layout)


def network(name: str, setting: str):
    torch.manual_seed(0)
    layout = torch.contiguous_format if setting == "default" else torch.channels_last
    net = getattr(torchvision.models, name)(num_classes=2).to(memory_format=layout)
    return net, layout, torch.autocast("cpu", torch.bfloat16, enabled=setting == "bf16")


def answer(count: int, seconds: float) -> dict:
    return {"patches": count, "seconds": round(seconds, 3), "rate": count / seconds}


def score(name, pixels, setting, file, seconds):
    net, layout, cast = network(name, setting)
    net.eval()
    x = patches(file, int(pixels))

    def one_pass(at_once):
        with torch.inference_mode(), cast:
            for part in x.split(at_once):
                net(network_input(part, layout)).float().softmax(1).numpy()

    def timed(at_once):
        start = time.time()
        one_pass(at_once)
        return time.time() - start

    # The batch that suits this network and size.
    candidates = (32, 64, 128) if int(pixels) < 100 else (8, 16, 32)
    one_pass(candidates[0])
    at_once = min(candidates, key=timed)
    start, count = time.time(), 0
    while time.time() - start < float(seconds):
        one_pass(at_once)
        count += len(x)
    return answer(count, time.time() - start)


def train(name, pixels, setting, file, count, epochs, mini_batch):
    net, layout, cast = network(name, setting)
    x = patches(file, int(pixels))[: int(count)]
    labels = torch.arange(len(x)) // 12 % 2
    generator = torch.Generator().manual_seed(0)
    start = time.time()
    net.train()
    head = [p for n, p in net.named_parameters() if n.split(".")[0] in ("classifier", "fc")]
    body = [p for n, p in net.named_parameters() if n.split(".")[0] not in ("classifier", "fc")]
    groups = [{"params": body, "lr": 1e-4}, {"params": head, "lr": 1e-3}]
    optimizer = torch.optim.Adam(groups, fused=True)
    for _ in range(int(epochs)):
        for at in torch.randperm(len(x), generator=generator).split(int(mini_batch)):
            with cast:
                logits = net(network_input(x[at], layout))
            loss = torch.nn.functional.cross_entropy(logits.float(), labels[at])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
    return answer(len(x) * int(epochs), time.time() - start)


def flops(name, pixels):
    """Floating-point operations of one image, by the plain algorithm."""
    from torch.utils.flop_counter import FlopCounterMode

    net, _, _ = network(name, "default")
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        net.eval()(torch.zeros(1, 3, int(pixels), int(pixels)))
    return {"flops": counter.get_total_flops()}


def gemm(dtype):
    """The best of several products of square matrices, in operations a second."""
    n = 2048
    a, b = (torch.randn(n, n).to(getattr(torch, dtype)) for _ in range(2))
    return {"flops": 2 * n**3 / best(lambda: a @ b)}


def dense(images):
    """The products of AlexNet's hidden fully connected layers, in milliseconds: forward, to the input, to the weights."""
    found = {}
    for inputs, outputs in ((9216, 4096), (4096, 4096)):
        x, w, dy = (torch.randn(shape) for shape in ((int(images), inputs), (outputs, inputs), (int(images), outputs)))
        y, dx, dw = (torch.empty_like(t) for t in (dy, x, w))
        products = ((x, w.t(), y), (dy, w, dx), (dy.t(), x, dw))
        times = [best(lambda a=a, b=b, out=out: torch.mm(a, b, out=out)) for a, b, out in products]
        found[f"{inputs} -> {outputs}"] = [round(1e3 * seconds, 1) for seconds in times]
    return found


def best(work):
    """The shortest of several runs, in seconds."""
    times = []
    for _ in range(12):
        start = time.time()
        work()
        times.append(time.time() - start)
    return min(times)


for line in sys.stdin:
    kind, *words = line.split()
    work = {"score": score, "train": train, "flops": flops, "gemm": gemm, "dense": dense}[kind]
    print(json.dumps(work(*words)), flush=True)
