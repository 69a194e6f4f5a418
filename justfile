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

# the page in a real browser, and real kills (installs Chromium and Node.js where they are missing)
live:
    cargo build --bin acft
    scripts/live.sh

# fifty annotators at once for a minute (needs Node.js)
load:
    cargo build --release --bin acft
    ACFT=target/release/acft node tests/live/load.mjs

# ours beside PyTorch and NumPy, into docs/performance.md (needs Python; half an hour)
bench *ARGS:
    benches/run.sh {{ARGS}}

# the kernels under AddressSanitizer, on all instruction sets of the machine (needs a nightly toolchain)
asan:
    RUSTFLAGS="-Zsanitizer=address" cargo +nightly test -p acft-kernels --target x86_64-unknown-linux-gnu --target-dir target/asan

# the portable kernels under Miri, on small shapes (needs a nightly toolchain with Miri)
miri:
    MIRIFLAGS="-Zmiri-tree-borrows -Zmiri-ignore-leaks -Zmiri-disable-isolation" RAYON_NUM_THREADS=2 cargo +nightly miri test -p acft-kernels --target-dir target/miri --lib --test conv --test pairs --test adam -- one_small_shape one_small_pair tests:: a_short_gradient

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
    target/venv/bin/pip install --quiet numpy pillow pyarrow scikit-learn scipy torch torchvision safetensors
    target/venv/bin/python scripts/reference/sklearn_metrics.py > crates/acft/tests/fixtures/metrics.json
    target/venv/bin/python scripts/reference/torchvision_parity.py > crates/acft-vision/tests/fixtures/torchvision_parity.json
    target/venv/bin/python crates/acft-images/tests/fixtures/pil_patches.py
    target/venv/bin/python crates/acft-cli/tests/score/fixtures/make_fixtures.py
