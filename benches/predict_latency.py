#!/usr/bin/env python3
"""How long `POST /api/predict` takes: one image at a time, from the request to the whole answer.

    benches/predict_latency.py ACFT_BINARY [--requests 200] [--networks alexnet squeezenet1_1] [--input 224]

Makes a project of drawn images for each network, with random weights (their values change no time), serves it on a free
port of this machine, waits until its worker rests, and asks. The first request is told apart from the others: it may
prepare the network. Needs Python 3 alone. Prints one row a network, as docs/performance.md has them.
"""

import argparse
import http.client
import json
import random
import struct
import subprocess
import tempfile
import time
import zlib
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("acft", type=Path)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--networks", nargs="+", default=["alexnet", "squeezenet1_1"])
    parser.add_argument("--input", type=int, default=224)
    parser.add_argument("--patches", default="crop:12")
    parser.add_argument("--precision", default="f32")
    args = parser.parse_args()
    print(f"| network at {args.input} px, {args.patches}, {args.precision} | first (ms) | p50 (ms) | p99 (ms) |")
    print("|---|---|---|---|")
    for network in args.networks:
        with tempfile.TemporaryDirectory() as folder:
            first, rest = measure(args, network, Path(folder))
        rest.sort()
        print(f"| {network} | {first:.1f} | {quantile(rest, 0.5):.1f} | {quantile(rest, 0.99):.1f} |", flush=True)


def measure(args: argparse.Namespace, network: str, folder: Path) -> tuple[float, list[float]]:
    images = folder / "images"
    for number in range(16):
        path = images / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(drawn(number, args.input))
    acft = args.acft.resolve()
    subprocess.run(
        [acft, "init", "p", "--images", "images", "--ignore-labels", "--classes", "a,b", "--from-scratch", "--model", network, "--input", str(args.input),
         "--patches", args.patches, "--precision", args.precision],
        cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    server = subprocess.Popen([acft, "serve", "p", "--port", "0"], cwd=folder, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    try:
        address = server.stdout.readline().strip().removeprefix("http://").rstrip("/")
        settle(address)
        times = [ask(address, drawn(100 + number, args.input)) for number in range(args.requests + 1)]
        return times[0], times[1:]
    finally:
        server.terminate()
        server.wait()


def settle(address: str) -> None:
    """Waits until the worker rests, and rests still a second later."""
    rested = 0
    deadline = time.monotonic() + 600
    while rested < 5:
        if time.monotonic() > deadline:
            raise SystemExit("the worker of the project does not come to rest within ten minutes")
        connection = http.client.HTTPConnection(address)
        connection.request("GET", "/api/progress")
        work = json.loads(connection.getresponse().read())["work"]
        connection.close()
        rested = rested + 1 if work["phase"] == "idle" else 0
        time.sleep(0.2)


def ask(address: str, image: bytes) -> float:
    """Milliseconds of one request, its connection included."""
    begun = time.perf_counter()
    connection = http.client.HTTPConnection(address)
    connection.request("POST", "/api/predict", body=image, headers={"Content-Type": "image/png"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    elapsed = (time.perf_counter() - begun) * 1000
    if answer.status != 200 or "probabilities" not in json.loads(body):
        raise SystemExit(f"/api/predict answered {answer.status}: {body[:300]!r}")
    return elapsed


def quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def drawn(seed: int, side: int) -> bytes:
    """A PNG of noise: no two are the same."""
    rng = random.Random(seed)
    rows = b"".join(b"\0" + rng.randbytes(side * 3) for _ in range(side))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


if __name__ == "__main__":
    main()
