# Sourced by the scripts beside it, which take DATA WEIGHTS RUNS.
#
#     ACFT     the program to run      [target/release/acft]
#     PYTHON   one with PyTorch        [python3], for the peer alone
#     SEEDS    which seeds to run
#     STRATEGIES   which strategies
#
# What is finished is kept, what was interrupted goes on, and what another
# instance of a script is at is left to it: start a script twice, and two runs
# go on at a time.
set -euo pipefail
if [ $# -ne 3 ]; then
    echo "usage: $0 DATA WEIGHTS RUNS" >&2
    exit 2
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
acft=${ACFT:-$here/../../target/release/acft}
python=${PYTHON:-python3}
data=$1 weights=$2 runs=$3
mkdir -p "$runs"

# ours NAME OPTION…: a run of acft, into RUNS/NAME.
ours() {
    local name=$1 out=$runs/$1
    shift
    (
        flock -n 9 || exit 0
        if [ -s "$out/finished.json" ]; then
            :
        elif [ -f "$out/config.toml" ]; then
            "$acft" simulate --resume --out "$out"
        else
            "$acft" simulate --data "$data" --weights "$weights" --out "$out" "$@"
        fi
    ) 9>"$runs/.$name.lock"
}

# peer NAME OPTION…: a run of the program in PyTorch, into RUNS/NAME.jsonl. It
# cannot be resumed, so an interrupted one starts again.
peer() {
    local out=$runs/$1.jsonl
    (
        flock -n 9 || exit 0
        if [ ! -s "$out" ]; then
            "$python" "$here/peer_torch.py" "$data" --weights "$weights" "${@:2}" | tee "$out.part"
            mv "$out.part" "$out"
        fi
    ) 9>"$runs/.$1.lock"
}
