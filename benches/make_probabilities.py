"""Writes a large table of random probabilities, to measure `acft score`:

    python make_probabilities.py probabilities.parquet
    /usr/bin/time -v acft score probabilities.parquet --criterion acft --out scores.csv

The ending decides the format: .csv, .npz or .parquet. Rows are written in
blocks, so that this script needs little memory too. Needs NumPy, and PyArrow
for Parquet and CSV.
"""

import argparse
import io
import zipfile
from pathlib import Path
from typing import Iterator

import numpy as np

BLOCK = 10_000


def blocks(args: argparse.Namespace) -> Iterator[tuple[int, np.ndarray]]:
    """(first candidate, probabilities of shape (candidates, patches, classes))"""
    rng = np.random.default_rng(args.seed)
    for first in range(0, args.candidates, BLOCK):
        count = min(BLOCK, args.candidates - first)
        # A candidate leans to one class, and its patches vary around that.
        logits = rng.normal(0, 2, (count, 1, args.classes))
        logits = logits + rng.normal(0, 1, (count, args.patches, args.classes))
        p = np.exp(logits - logits.max(axis=2, keepdims=True))
        yield first, p / p.sum(axis=2, keepdims=True)


def write_table(args: argparse.Namespace) -> None:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    names = [f"p_{k}" for k in range(args.classes)]
    fields = [("candidate", pa.string()), ("patch", pa.int32())]
    schema = pa.schema(fields + [(name, pa.float32()) for name in names])
    writer = pa.csv.CSVWriter if args.out.suffix == ".csv" else pa.parquet.ParquetWriter
    with writer(args.out, schema) as out:
        for first, p in blocks(args):
            count = len(p)
            candidate = [f"candidate-{first + i:07}" for i in range(count)]
            flat = p.reshape(-1, args.classes).astype(np.float32)
            columns = [np.repeat(candidate, args.patches), np.tile(np.arange(args.patches), count)]
            columns += [flat[:, k] for k in range(args.classes)]
            arrays = [pa.array(c, f.type) for c, f in zip(columns, schema)]
            out.write_table(pa.table(arrays, schema=schema))


def write_npz(args: argparse.Namespace) -> None:
    shape = (args.candidates, args.patches, args.classes)
    with zipfile.ZipFile(args.out, "w", zipfile.ZIP_STORED) as archive:
        header = io.BytesIO()
        layout = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_2_0(header, layout)
        with archive.open("p.npy", "w", force_zip64=True) as out:
            out.write(header.getvalue())
            for _, p in blocks(args):
                out.write(p.astype("<f4").tobytes())
        names = np.array([f"candidate-{i:07}" for i in range(args.candidates)])
        with archive.open("candidate.npy", "w", force_zip64=True) as out:
            np.save(out, names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--candidates", type=int, default=1_000_000)
    parser.add_argument("--patches", type=int, default=24)
    parser.add_argument("--classes", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.out.suffix not in (".csv", ".npz", ".parquet"):
        parser.error("the name must end in .csv, .npz or .parquet")
    if args.out.suffix == ".npz":
        write_npz(args)
    else:
        write_table(args)


if __name__ == "__main__":
    main()
