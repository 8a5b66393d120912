#!/bin/bash
# SLURM, on one machine or several. In the repository, with the environment active that has ".[train]":
#
#     sbatch train/launch/slurm.sh --config h100x8
#     sbatch --nodes=4 --time=48:00:00 train/launch/slurm.sh --config multi_node --run /shared/runs/mine
#
# srun starts one process per GPU, and each takes its rank from SLURM. torchrun is left out on purpose: SLURM signals every process of a
# step, torchrun would pass the signal on once more, and a second one means "stop now" to the ranks, without a checkpoint.
#
#SBATCH --job-name=flashmotion
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@600
#SBATCH --requeue
#SBATCH --open-mode=append
#
# --gpus-per-node, not --gpus-per-task: each process has to see all GPUs of its machine, of which it takes number LOCAL_RANK.
# --signal: ten minutes before the time is up the ranks get SIGTERM and leave a checkpoint. On preemption they get it too, as long before
# the end as the partition's GraceTime says.
# --requeue: a preempted job comes back by itself, and run_all.py resumes where it stopped. For a job whose time is up, see the end.

MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export MASTER_ADDR MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000)) WORLD_SIZE="$SLURM_NTASKS"

# exec: no shell is left between SLURM and the rank. The single quotes are right: the variables are those of each task.
# shellcheck disable=SC2016
srun --kill-on-bad-exit=1 bash -c 'export RANK=$SLURM_PROCID LOCAL_RANK=$SLURM_LOCALID; exec python train/run_all.py "$@"' rank "$@"
code=$?

# 130: interrupted, with a checkpoint. 143: ended by SIGTERM in a phase that needs none, such as data. Both resume when run again.
if [ "$code" -eq 130 ] || [ "$code" -eq 143 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
