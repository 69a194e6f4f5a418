"""Runs acft and its peers in turn, and writes the measured part of docs/performance.md. Started by run.sh."""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "target" / "bench"
ACFT = ROOT / "target/release/acft"
OURS = [str(ROOT / "target/release/examples/throughput")]
PEER = [sys.executable, str(ROOT / "benches/peer.py")]
NETWORKS = ["squeezenet1_1", "alexnet", "resnet18"]
PIXELS = [64, 224]
SETTINGS = ["default", "channels_last", "bf16"]
# Patches in a file: whole candidates of 12.
COUNT = {64: 1536, 224: 96}
# Patches, epochs, and patches a mini-batch. Long enough that memory is touched for the first time in few of the steps.
TRAINING = {64: "1536 3 128", 224: "96 6 32"}
SCORE_SIZE = (1_000_000, 24, 3)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--weights", type=Path, default=ROOT.parent / "shared/weights/squeezenet1_1.safetensors")
    parser.add_argument("--parts", default="scoring,training,loop,score,growth")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    kept = WORK / "results.json"
    results = json.loads(kept.read_text()) if kept.exists() else {}
    for part in args.parts.split(","):
        # Some parts take long: what they have found so far is kept.
        for found in PARTS[part](args):
            results[part] = {"processor": processor(), "machine": machine(), "rounds": args.rounds, **found}
            kept.write_text(json.dumps(results, indent=1))
    write(results)


def processor() -> str:
    info = Path("/proc/cpuinfo").read_text()
    model = next((l.split(":")[1] for l in info.splitlines() if l.startswith("model name")), platform.processor())
    return " ".join(re.sub(r"\(R\)|\(TM\)|Processor", " ", model).split())


def machine() -> str:
    info = Path("/proc/cpuinfo").read_text()
    flags = next((l for l in info.splitlines() if l.startswith("flags")), "").split()
    sets = [f for f in ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16") if f in flags]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    cores = len(os.sched_getaffinity(0))
    return f"{time.strftime('%Y-%m-%d')}, commit {commit}, {processor()}, {cores} cores ({', '.join(sets)}), PyTorch {version('torch')}"


# What PyTorch's tuning guide asks for: memory that was freed is kept, and not faulted in again.
TUNED = os.environ | {"MALLOC_MMAP_THRESHOLD_": str(1 << 32), "MALLOC_TRIM_THRESHOLD_": "-1"}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Worker:
    """A process that answers jobs; a new one for each job, so that none warms another up."""

    def __init__(self, command: list[str]):
        self.command = command

    def ask(self, job: str) -> dict:
        done = subprocess.run(self.command, input=job + "\n", capture_output=True, text=True, env=TUNED)
        if done.returncode:
            raise SystemExit(f"{self.command} failed at {job}:\n{done.stderr}")
        return json.loads(done.stdout)


# Throughput


def scoring(args):
    files, rates = patch_files(args), rounds(args, "score", ["f32", "bf16"], lambda pixels: "3")
    peer = Worker(PEER)
    flops = {f"{n}/{p}": peer.ask(f"flops {n} {p}")["flops"] for n in NETWORKS for p in PIXELS}
    yield {"rates": rates, "flops": flops, "gemm": peer.ask("gemm float32")["flops"], "images": files["images"]}


def training(args):
    files = patch_files(args)
    yield {"rates": rounds(args, "train", ["f32", "bf16"], TRAINING.get), "images": files["images"]}


def rounds(args, kind: str, precisions: list[str], rest) -> dict[str, list[float]]:
    """Patches a second of each job, ours and the peer's in turn."""
    ours, peer = Worker(OURS), Worker(PEER)
    rates: dict[str, list[float]] = {}
    for number in range(args.rounds):
        for network in NETWORKS:
            for pixels in PIXELS:
                file = WORK / f"patches-{pixels}.bin"
                runs = [*((ours, name) for name in precisions), *((peer, setting) for setting in SETTINGS)]
                # Each goes first in turn.
                turn = number % len(runs)
                for worker, setting in runs[turn:] + runs[:turn]:
                    who = "acft" if worker is ours else "PyTorch"
                    name = f"{kind}/{network}/{pixels}/{who} {setting}"
                    answer = worker.ask(f"{kind} {network} {pixels} {setting} {file} {rest(pixels)}")
                    rates.setdefault(name, []).append(answer["rate"])
                    say(f"round {number + 1}: {name}: {rates[name][-1]:.1f} patches a second")
    return rates


def patch_files(args) -> dict:
    for pixels in PIXELS:
        patch_file(args.data, pixels)
    return {"images": "chest X-rays" if args.data.is_dir() else "drawn"}


def patch_file(data: Path, pixels: int) -> Path:
    """Patches of real images, where there are any: their pixels do not change the time, but zeros would.

    Made by a process of its own: see `timed`."""
    code = "import sys; from pathlib import Path; import bench; bench.make_patches(Path(sys.argv[1]), int(sys.argv[2]))"
    subprocess.run([sys.executable, "-c", code, data, str(pixels)], check=True, cwd=ROOT / "benches")
    return WORK / f"patches-{pixels}.bin"


def make_patches(data: Path, pixels: int) -> None:
    import numpy as np

    path = WORK / f"patches-{pixels}.bin"
    folder = data / "chest_xray_pneumonia/images"
    count = COUNT[pixels]
    if folder.is_dir():
        from PIL import Image

        names = sorted(folder.rglob("*.jpeg"))[: count // 12]
        size = (pixels, pixels)
        images = [np.asarray(Image.open(name).convert("RGB").resize(size, Image.BILINEAR)) for name in names]
        patches = np.stack([np.rot90(image, turn % 4) for image in images for turn in range(12)])
    else:
        patches = np.random.default_rng(0).integers(0, 256, (count, pixels, pixels, 3), np.uint8)
    np.ascontiguousarray(patches, np.uint8).tofile(path)


# The whole loop

LOOPS = {
    "lung_nodule_candidates": {
        "ours": "--path-column file --label-column label --split-column split --positive 1 --input 48 --batch 25",
        "peer": "--size 48 --batch 25",
    },
    "chest_xray_pneumonia": {
        "ours": "--path-column file --label-column label --group-column patient --split-column split --positive PNEUMONIA --input 64 --batch 20",
        "peer": "--size 64 --batch 20",
    },
}


def loop(args):
    if not (args.data.is_dir() and args.weights.is_file()):
        say("the loop needs --data and --weights: left out")
        return
    found: dict[str, list] = {}
    for number in range(args.rounds):
        for data, flags in LOOPS.items():
            out = WORK / "run"
            shutil.rmtree(out, ignore_errors=True)
            common = "--steps 10 --epochs 8 --lr 3e-4 --seed 0".split()
            ours = [ACFT, "simulate", "--data", args.data / data, "--weights", args.weights, "--out", out, "--no-validation"]
            ours += "--model squeezenet1_1 --patches crop:12 --strategy acft-lq --criterion diversity".split()
            peer = [sys.executable, ROOT / "scripts/results/peer_torch.py", args.data / data, "--weights", args.weights]
            peer += "--learn lq --query active --criterion diversity".split()
            runs = {"acft": ours + flags["ours"].split() + common, "PyTorch": peer + flags["peer"].split() + common}
            for who in sorted(runs, reverse=bool(number % 2)):
                seconds, memory = timed(runs[who])
                found.setdefault(f"{data}/{who}", []).append([seconds, memory])
                say(f"round {number + 1}: {data}: {who}: {seconds:.1f} s, {memory / 2**20:.0f} MiB")
            yield {"runs": found}


def timed(command: list) -> tuple[float, int]:
    """Seconds, and the largest resident set in bytes.

    A child begins with the resident set of its parent, so this program loads nothing large itself."""
    start = time.time()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=TUNED)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} failed:\n{errors[-2000:]}")
    return time.time() - start, usage.ru_maxrss * 1024


# acft score


def probabilities(candidates: int) -> Path:
    _, patches, classes = SCORE_SIZE
    path = WORK / f"probabilities-{candidates}.npz"
    if not path.exists():
        script = ROOT / "benches/make_probabilities.py"
        sizes = ["--candidates", str(candidates), "--patches", str(patches), "--classes", str(classes)]
        subprocess.run([sys.executable, script, path, *sizes], check=True)
    return path


def score_command(source: Path) -> list:
    return [ACFT, "score", source, "--criterion", "acft", "--alpha", "0.25", "--batch", "20", "--seed", "0", "--out", WORK / "scores.csv"]


def score(args):
    source = probabilities(SCORE_SIZE[0])
    found: dict[str, list] = {}
    numpy = [sys.executable, ROOT / "benches/score_numpy.py"]
    for number in range(args.rounds):
        runs = {
            "acft score": score_command(source),
            "NumPy, closed form": [*numpy, "closed", source, WORK / "numpy.csv"],
            "NumPy, pairs": [*numpy, "pairs", source, WORK / "numpy.csv"],
            "NumPy, closed form, no table written": [*numpy, "closed", source],
        }
        for who in sorted(runs, reverse=bool(number % 2)):
            (WORK / "scores.csv").unlink(missing_ok=True)
            found.setdefault(who, []).append(timed(runs[who]))
            say(f"round {number + 1}: {who}: {found[who][-1][0]:.2f} s, {found[who][-1][1] / 2**20:.0f} MiB")
    yield {"runs": found}


def growth(args):
    found: dict[str, list] = {}
    for candidates in (1_000, 10_000, 100_000, 1_000_000):
        source = probabilities(candidates)
        for _ in range(args.rounds):
            (WORK / "scores.csv").unlink(missing_ok=True)
            found.setdefault(str(candidates), []).append(timed(score_command(source)))
        say(f"{candidates} candidates: {found[str(candidates)]}")
    yield {"runs": found}


PARTS = {"scoring": scoring, "training": training, "loop": loop, "score": score, "growth": growth}

# The document

BEGIN, END = "<!-- measured: benches/run.sh writes from here -->", "<!-- to here -->"


# The sections in their order. Each is there once for every processor that it was measured on.
TITLES = {
    "scoring": "Scoring",
    "training": "Fine-tuning",
    "loop": "The whole loop",
    "score": "`acft score`",
    "growth": "How time and memory grow with the pool",
}


def title(section: str) -> str:
    return section.strip().splitlines()[0]


def place(section: str) -> tuple[int, str]:
    """Where a section stands: by what it measures, then by the processor."""
    name, _, where = title(section).removeprefix("### ").rpartition(", ")
    return list(TITLES.values()).index(name), where


def write(results: dict) -> None:
    path = ROOT / "docs/performance.md"
    before, _, rest = path.read_text().partition(BEGIN)
    measured, _, after = rest.partition(END)
    # What was not measured now, but earlier or on another machine, stays.
    sections = {title(part): part for part in re.split(r"^(?=### )", measured, flags=re.MULTILINE) if part.strip()}
    for part in TABLES:
        if part in results:
            table = f"### {TITLES[part]}, {results[part]['processor']}\n\n{TABLES[part](results[part])}"
            sections[title(table)] = table
    tables = "\n".join(section.strip() + "\n" for section in sorted(sections.values(), key=place))
    path.write_text(f"{before}{BEGIN}\n\n{tables}\n{END}{after}")
    say(f"written: {path}")


def median(values) -> float:
    return statistics.median(values)


def times(found: dict) -> str:
    return "One run of each" if found["rounds"] == 1 else f"Medians of {found['rounds']} interleaved runs"


def rates_table(found: dict, kind: str) -> list[str]:
    rates = {name: median(values) for name, values in found["rates"].items()}
    names = ["network", "pixels", "acft", "acft, bf16", "PyTorch", "PyTorch, channels_last", "PyTorch, bf16", "ratio, f32", "ratio, bf16"]
    lines = [f"Patches a second. {times(found)} on {found['images']} ({found['machine']}).", ""]
    lines += ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for network in NETWORKS:
        for pixels in PIXELS:
            of = lambda who: rates[f"{kind}/{network}/{pixels}/{who}"]
            ours, half, bf16 = of("acft f32"), of("acft bf16"), of("PyTorch bf16")
            plain = [of("PyTorch default"), of("PyTorch channels_last")]
            show = lambda rate: f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}"
            cells = [*map(show, [ours, half, *plain, bf16]), f"**{ours / max(plain):.2f}**", f"**{half / bf16:.2f}**"]
            lines.append(f"| {network} | {pixels} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def scoring_table(found: dict) -> str:
    lines = rates_table(found, "score")
    lines += [
        f"**Share of the peak.** The fastest product of two 2048 × 2048 matrices in f32 (PyTorch, oneDNN) makes {found['gemm'] / 1e9:.0f} GFLOP/s here.",
        "Counted in the operations of the plain algorithm, in f32: taps outside the image are left out, and Winograd's transforms save products, so that a share can pass 100 %.",
        "",
        "| network | pixels | GFLOP/s | share |",
        "|---|---|---|---|",
    ]
    for network in NETWORKS:
        for pixels in PIXELS:
            speed = median(found["rates"][f"score/{network}/{pixels}/acft f32"]) * found["flops"][f"{network}/{pixels}"]
            lines.append(f"| {network} | {pixels} | {speed / 1e9:.0f} | {speed / found['gemm']:.0%} |")
    return "\n".join([*lines, ""])


def training_table(found: dict) -> str:
    return "\n".join(rates_table(found, "train"))


def loop_table(found: dict) -> str:
    lines = ["Ten steps of ACFT(LQ) with SqueezeNet 1.1, from the files to the last test AUC: decoding, scoring the whole pool, fine-tuning (8 epochs), and scoring the test set."]
    lines += [f"{times(found)} ({found['machine']}); the peer is `scripts/results/peer_torch.py`.", ""]
    lines += ["| data | acft, s | PyTorch, s | ratio | acft, MiB | PyTorch, MiB | memory |", "|---|---|---|---|---|---|---|"]
    for data in LOOPS:
        if f"{data}/acft" not in found["runs"] or f"{data}/PyTorch" not in found["runs"]:
            continue
        (ours, memory), (peer, theirs) = ([median(v) for v in zip(*found["runs"][f"{data}/{who}"])] for who in ("acft", "PyTorch"))
        lines.append(f"| {data} | {ours:.1f} | {peer:.1f} | **{peer / ours:.2f}** | {memory / 2**20:.0f} | {theirs / 2**20:.0f} | **{memory / theirs:.2f}** |")
    return "\n".join([*lines, ""])


def score_table(found: dict) -> str:
    n, m, k = SCORE_SIZE
    lines = [f"{n:,} candidates × {m} patches × {k} classes from an NPZ file to a ranked CSV file. {times(found)} ({found['machine']}).", "The peer (`benches/score_numpy.py`) writes its table line by line from Python; the row in which it writes none bounds what any other way of writing could save it.", ""]
    lines += ["| | seconds | MiB | acft is faster by |", "|---|---|---|---|"]
    medians = {who: [median(v) for v in zip(*runs)] for who, runs in found["runs"].items()}
    ours = medians["acft score"][0]
    for who, (seconds, memory) in medians.items():
        ratio = "" if who == "acft score" else f"{seconds / ours:.1f} ×"
        lines.append(f"| {who} | {seconds:.2f} | {memory / 2**20:.0f} | {ratio} |")
    return "\n".join([*lines, ""])


def growth_table(found: dict) -> str:
    lines = [f"`acft score` on made predictions ({found['machine']}).", "", "| candidates | seconds | MiB |", "|---|---|---|"]
    for candidates, runs in found["runs"].items():
        seconds, memory = (median(v) for v in zip(*runs))
        lines.append(f"| {int(candidates):,} | {seconds:.2f} | {memory / 2**20:.0f} |")
    return "\n".join([*lines, ""])


TABLES = {"scoring": scoring_table, "training": training_table, "loop": loop_table, "score": score_table, "growth": growth_table}

if __name__ == "__main__":
    main()
