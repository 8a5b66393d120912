#!/usr/bin/env bash
# Several GPUs by torchrun, one process each; run_all.py itself is started as it is.
#
#     bash train/launch/torchrun.sh --config h100x8                     # all GPUs of this machine
#     NPROC=2 bash train/launch/torchrun.sh --config h100x8             # two of them, or two processes on the CPU with device=cpu
#
# Several machines: the same command on each of them, with the run folder (--run) on a file system that they share.
#
#     NNODES=2 NODE_RANK=0 MASTER_ADDR=first-machine bash train/launch/torchrun.sh --config multi_node --run /shared/runs/mine
#     NNODES=2 NODE_RANK=1 MASTER_ADDR=first-machine bash train/launch/torchrun.sh --config multi_node --run /shared/runs/mine
#
# Ctrl+C or SIGTERM, sent to torchrun, reaches every rank: they leave a checkpoint, and the same command resumes from it.
set -eu

# How long torchrun waits for that before it kills the ranks (30 s is its default, too short for the checkpoint of a large model; old
# versions of torch do not look at this, and then the last regular checkpoint counts).
export TORCH_ELASTIC_SHUTDOWN_TIMEOUT="${TORCH_ELASTIC_SHUTDOWN_TIMEOUT:-600}"

machines=(--standalone)
if [ "${NNODES:-1}" -gt 1 ]; then
    machines=(--nnodes "$NNODES" --node-rank "$NODE_RANK" --master-addr "$MASTER_ADDR" --master-port "${MASTER_PORT:-29500}")
fi
# The two dashes matter: without them, torchrun takes our --run for an abbreviation of an option of its own.
exec torchrun "${machines[@]}" --nproc-per-node "${NPROC:-gpu}" -- "$(dirname "$0")/../../train/run_all.py" "$@"
