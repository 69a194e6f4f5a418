#!/usr/bin/env python3
"""Active, continual fine-tuning in PyTorch, as a careful user would write it:
what docs/beside-pytorch.md holds acft's curves against. It shares no code with acft.

    pip install torch torchvision pillow scikit-learn numpy safetensors
    python peer_torch.py DATA --weights squeezenet1_1.safetensors --learn hq --query active --seed 0

DATA has a labels.csv (file, label, split) and the images under images/. Patches
(the 8 dihedral views at scale 1, then of centre crops at 0.9 and 0.8), scores,
learning rates and settings are those of acft; the random streams are PyTorch's
and NumPy's, so that curves agree in level and not step by step.

Prints a JSON line a step, and a last one of totals.
"""

import argparse
import csv
import json
import os
import time

import numpy as np
import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file
from sklearn.metrics import roc_auc_score

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


def patches_of(image, size, m):
    out = []
    for scale in (1.0, 0.9, 0.8):
        w, h = image.size
        cw, ch = w * scale, h * scale
        box = ((w - cw) / 2, (h - ch) / 2, (w + cw) / 2, (h + ch) / 2)
        view = np.asarray(image.resize((size, size), Image.BILINEAR, box=box))
        for k in range(8):
            if len(out) < m:
                turned = np.rot90(view, k % 4, (0, 1))
                out.append(turned[:, ::-1] if k >= 4 else turned)
    return np.stack(out)


def load(args):
    """For train and test: patches, (n, m, size, size, 3) u8, and classes, (n)."""
    with open(os.path.join(args.data, "labels.csv")) as file:
        rows = list(csv.DictReader(file))
    classes = sorted({row["label"] for row in rows})
    sets = {}
    for split in ("train", "test"):
        part = [row for row in rows if row["split"] == split]
        images = (Image.open(os.path.join(args.data, "images", row["file"])) for row in part)
        x = np.stack([patches_of(image.convert("RGB"), args.size, args.patches) for image in images])
        y = np.array([classes.index(row["label"]) for row in part])
        sets[split] = (torch.from_numpy(x), y)
    return sets, len(classes)


def network_input(x):
    x = x.permute(0, 3, 1, 2).float().div_(255)
    return x.sub_(MEAN).div_(STD).contiguous(memory_format=torch.channels_last)


def predict(net, x):
    """Softmax of every patch, (n, m, classes)."""
    net.eval()
    n, m = x.shape[:2]
    flat = x.reshape(n * m, *x.shape[2:])
    with torch.inference_mode():
        out = [net(network_input(flat[i : i + 256])).softmax(1) for i in range(0, n * m, 256)]
    return torch.cat(out).reshape(n, m, -1).numpy()


def scores(p, args):
    """Eq. 1-3: entropy or diversity over the most confident patches of the dominant class."""
    eps = 2.0**-52
    p = p.astype(np.float64)
    n, m, _ = p.shape
    if args.alpha < 1:
        kept = max(1, int(np.floor(args.alpha * m + 0.5)))
        dominant = p.mean(1).argmax(1)
        order = np.argsort(-p[np.arange(n), :, dominant], axis=1, kind="stable")[:, :kept]
        p = np.take_along_axis(p, order[:, :, None], 1)
    log = np.log(p + eps)
    if args.criterion == "entropy":
        return -(p * log).sum((1, 2)) / p.shape[1]
    return (p.shape[1] * (p * log).sum(1) - p.sum(1) * log.sum(1)).sum(1)


def draw(a, args, rng):
    """Eq. 4: places in the pool of a batch from the best omega * batch."""
    order = np.argsort(-a, kind="stable")
    if args.omega == 1:
        return order[: args.batch]
    window = order[: args.omega * args.batch]
    w = a[window] - a[window][-1]
    w = w / w.sum() if w.sum() > 0 else np.full(len(window), 1 / len(window))
    w = np.maximum(w, 1e-12)
    return rng.choice(window, size=min(args.batch, len(window)), replace=False, p=w / w.sum())


def lesson(net, x, y, labeled, new, classes, args, rng):
    """What a step is trained on."""
    if args.learn == "q":
        return new
    if args.learn in ("lq", "reset-lq"):
        return np.concatenate([labeled, new])
    wrong = labeled
    if len(labeled):
        wrong = labeled[predict(net, x[labeled]).mean(1).argmax(1) != y[labeled]]
    base = np.concatenate([wrong, new])
    if args.learn == "hq":
        return base
    # hq-balanced: as many right ones more, each of the class that is then rarest.
    rest = np.setdiff1d(labeled, base)
    count = np.bincount(y[base], minlength=classes)
    right = {k: list(rng.permutation(rest[y[rest] == k])) for k in range(classes)}
    more = []
    for _ in range(len(base)):
        k = next((k for k in np.argsort(count, kind="stable") if right[k]), None)
        if k is None:
            break
        more.append(right[k].pop())
        count[k] += 1
    return np.concatenate([base, np.array(more, int)])


def pretrained(args, classes):
    torch.manual_seed(args.seed)
    net = torchvision.models.squeezenet1_1(num_classes=classes)
    net.load_state_dict({k: v for k, v in load_file(args.weights).items() if k.startswith("features")}, strict=False)
    return net.to(memory_format=torch.channels_last)


def fine_tune(net, x, y, lr, args, generator):
    net.train()
    groups = [{"params": net.features.parameters(), "lr": lr}, {"params": net.classifier.parameters(), "lr": 10 * lr}]
    optimizer = torch.optim.Adam(groups, fused=True)
    n, m = x.shape[:2]
    flat, labels = x.reshape(n * m, *x.shape[2:]), torch.from_numpy(np.repeat(y, m))
    for _ in range(args.epochs):
        for at in torch.randperm(n * m, generator=generator).split(args.minibatch):
            loss = torch.nn.functional.cross_entropy(net(network_input(flat[at])), labels[at])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        for group in optimizer.param_groups:
            group["lr"] *= 0.95


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("data")
    parser.add_argument("--weights", required=True, help="SqueezeNet 1.1, torchvision's names, safetensors")
    parser.add_argument("--learn", choices=["reset-lq", "q", "lq", "hq", "hq-balanced"], default="hq")
    parser.add_argument("--query", choices=["random", "active"], default="active")
    parser.add_argument("--criterion", choices=["entropy", "diversity"], default="diversity")
    parser.add_argument("--lr-ratio", type=float, default=10.0, help="continual steps after the first use lr / this")
    for name, default in [
        *[("size", 48), ("patches", 12), ("alpha", 0.25), ("omega", 5), ("steps", 16), ("batch", 25)],
        *[("epochs", 8), ("minibatch", 128), ("lr", 3e-4), ("seed", 0), ("threads", 2)],
    ]:
        parser.add_argument(f"--{name}", type=type(default), default=default)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    sets, classes = load(args)
    (x, y), (x_test, y_test) = sets["train"], sets["test"]
    rng, generator = np.random.default_rng(args.seed), torch.Generator().manual_seed(args.seed)
    net = pretrained(args, classes)
    labeled, pool = np.array([], int), np.arange(len(y))
    total = 0.0
    for step in range(1, args.steps + 1):
        start = time.time()
        if args.query == "random":
            new = rng.choice(pool, args.batch, replace=False)
        else:
            new = pool[draw(scores(predict(net, x[pool]), args), args, rng)]
        train = lesson(net, x, y, labeled, new, classes, args, rng)
        if args.learn == "reset-lq":
            net = pretrained(args, classes)
        slow = args.learn != "reset-lq" and step > 1
        fine_tune(net, x[train], y[train], args.lr / (args.lr_ratio if slow else 1), args, generator)
        labeled, pool = np.concatenate([labeled, new]), np.setdiff1d(pool, new)
        p = predict(net, x_test).mean(1)
        auc = roc_auc_score(y_test, p[:, 1]) if classes == 2 else roc_auc_score(y_test, p, multi_class="ovr")
        seconds = time.time() - start
        total += seconds
        line = {"step": step, "labels": len(labeled), "test_auc": round(auc, 4), "trained_on": len(train)}
        print(json.dumps({**line, "seconds": round(seconds, 2)}), flush=True)
    print(json.dumps({"seconds": round(total, 1)}))


if __name__ == "__main__":
    main()
