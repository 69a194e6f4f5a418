# `just` lists what can be done here; each recipe is a plain command.

# what there is
default:
    @just --list

# everything that must hold before a change lands
ci:
    .ci/run

# the tests
test:
    cargo test --workspace

# the tests by nextest, where it is installed
nextest:
    cargo nextest run --workspace

# format, and let clippy complain
tidy:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

# licences and known faults of the dependencies (needs cargo-deny)
deny:
    cargo deny check

# the fast binary, in target/release
release:
    cargo build --release

# the fixtures that other frameworks made (needs Python)
fixtures:
    python3 -m venv target/venv
    target/venv/bin/pip install --quiet numpy pillow scikit-learn scipy torch torchvision safetensors
    for script in scripts/reference/*.py; do target/venv/bin/python $script; done
