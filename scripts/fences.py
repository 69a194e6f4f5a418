#!/usr/bin/env python3
"""Holds the arrows between the workspace's crates, and that no files of a crate import each other in a circle.

    cargo metadata --format-version 1 --no-deps | scripts/fences.py

The arrows are those of ARCHITECTURE.md. A new dependency between crates is a
decision: change both, and say why there.
"""

import json
import pathlib
import re
import sys

ARROWS = {
    "acft": [],
    "acft-kernels": [],
    "acft-figure": [],
    "acft-head": ["acft-kernels"],
    "acft-images": ["acft", "acft-tables"],
    "acft-tables": [],
    "acft-project": ["acft"],
    "acft-server": ["acft", "acft-project"],
    "acft-vision": ["acft", "acft-images", "acft-kernels"],
    "acft-run": ["acft", "acft-figure", "acft-head", "acft-images", "acft-vision"],
    "acft-experiment": ["acft", "acft-figure", "acft-images", "acft-run", "acft-vision"],
    "acft-worker": ["acft", "acft-images", "acft-project", "acft-run", "acft-server", "acft-vision"],
    "acft-cli": None,  # It may know all of them.
}

# Libraries that one crate alone may name.
ALONE = {"burn": "acft-vision", "burn-flex": "acft-vision", "rusqlite": "acft-project", "axum": "acft-server"}

# The largest circle of files within a crate: a parent module with a child or two.
LARGEST_CIRCLE = 5


def dependencies(package):
    return [one["name"] for one in package["dependencies"] if one["kind"] is None]


def wrong_arrows(packages):
    known = {package["name"] for package in packages}
    for package in packages:
        name = package["name"]
        if name not in ARROWS:
            yield f"{name}: no arrows are named for it in scripts/fences.py"
            continue
        for other in dependencies(package):
            if other in known and ARROWS[name] is not None and other not in ARROWS[name]:
                yield f"{name} depends on {other}: ARCHITECTURE.md has no such arrow"
            if ALONE.get(other, name) != name:
                yield f"{name} names {other}: only {ALONE[other]} may"


def modules(source):
    """Each file of a crate, by its path as a module."""
    found = {}
    for path in source.rglob("*.rs"):
        parts = list(path.relative_to(source).with_suffix("").parts)
        if parts[-1] in ("lib", "main"):
            parts.pop()
        found[tuple(parts)] = path
    return found


def imports(module, path, known):
    """The modules that a file names, without those of its tests."""
    text = path.read_text().split("#[cfg(test)]\nmod tests")[0]
    text = re.sub(r"//.*", "", text)
    for use in re.findall(r"\b(?:crate|super|self)(?:::(?:super|\w+))*", text):
        words = use.split("::")
        if words[0] == "crate":
            base, words = (), words[1:]
        else:
            base = module
            while words and words[0] in ("super", "self"):
                base = base[:-1] if words[0] == "super" else base
                words = words[1:]
        target = tuple(base) + tuple(words)
        while target and target not in known:
            target = target[:-1]
        if target in known and target != module:
            yield target


def circles(graph):
    """Strongly connected components, by Tarjan's algorithm."""
    sys.setrecursionlimit(10_000)
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            circle = []
            while True:
                circle.append(stack.pop())
                if circle[-1] == node:
                    break
            found.append(circle)

    for node in graph:
        if node not in index:
            visit(node)
    return found


def large_circles(packages):
    for package in packages:
        source = pathlib.Path(package["manifest_path"]).parent / "src"
        known = modules(source)
        graph = {module: set(imports(module, path, known)) for module, path in known.items()}
        for circle in circles(graph):
            # A parent that names its children, whose children name it, is one room.
            if len(circle) > LARGEST_CIRCLE:
                files = ", ".join(sorted("/".join(module) or "lib" for module in circle))
                yield f"{package['name']}: {len(circle)} files import each other in a circle: {files}"


def main():
    packages = json.load(sys.stdin)["packages"]
    wrong = [*wrong_arrows(packages), *large_circles(packages)]
    print("\n".join(wrong) or f"{len(packages)} crates: arrows and circles are as ARCHITECTURE.md has them")
    sys.exit(bool(wrong))


main()
