"""Train a tiny codec with TAEHV's layout on the synthetic world, small enough to come with the pack.

Training has two parts. In the first, the encoder is a fixed linear code (`linear_start`) and the decoder learns to invert it without its
memory blocks: cheap steps that get away from grey at once. In the second, everything learns together, or only the decoder with
`encoder_part: 0`: a linear code holds less, but motion changes it in a simple way, which a small generator learns sooner. The encoder never
looks at the previous frame, although the layout would allow it. So a still picture has the same latent in every frame, including the given
first one, which has no previous frame, and a generator can copy it. The latents get a little noise on their way to the decoder and are kept
close to mean 0 and deviation 1 in the generator's normalised space, so that what matters takes up most of that space and a generator's small
errors do not show. After the share `encoder_part` of the steps the encoder is frozen: a generator can learn the latents while the decoder
keeps learning alone (the phase `decoder`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from flashmotion_core.files.weights import save_whole

from ..config.codec_settings import CodecSettings
from .codec_training import CodecTraining

FILE = "flashmotion_tiny_vae.safetensors"


def train_codec(
    settings: CodecSettings,
    folder: Path,
    *,
    precision: str = "bf16",
    seed: int = 0,
    rest: bool = False,
    minutes: float | None = None,
    device: torch.device | str = "cpu",
    report: Callable[[int, int, float, float], None] | None = None,
    log: Callable[[int, Mapping[str, float]], None] | None = None,
    say: Callable[[str], None] = lambda sentence: None,
) -> Path:
    """Train, or resume where an earlier run in this folder stopped, and write the codec (fp16).

    Args:
        settings: the codec's settings.
        folder: holds the checkpoint, the decided steps and threads, and the result.
        precision: the run's; anything but fp32 multiplies in bfloat16.
        seed: the seed of the world's clips and of everything else that is random.
        rest: False stops where the encoder stops learning; True continues from there to the last step, in a folder that holds the checkpoint
            and the decided steps and threads.
        minutes: the time budget, which decides the number of steps once, at the beginning.
        device: the device to train on.
        report: called after each step with (steps done, steps in total, loss, seconds of the step).
        log: called after each step with (steps done, values by name).
        say: called with a sentence if the newest checkpoint is damaged and the one before is used.

    Returns:
        The safetensors file.

    Raises:
        TrainError: the checkpoint was made with other settings.
        TrainingStopped: the loss is no longer a finite number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    began, threads = time.perf_counter(), torch.get_num_threads()
    run = CodecTraining(settings, folder, torch.device(device), precision, seed, say)
    try:
        done = run.load()
        run.settle(None if minutes is None else 60 * minutes - (time.perf_counter() - began))
        end = run.steps if rest else run.encoder_steps
        for step in range(done, end):
            stepped = time.perf_counter()
            values = run.step(step)
            if (step + 1) % settings.checkpoint_every == 0 and step + 1 < end:
                run.save(step + 1)
            if log is not None:
                log(step + 1, values)
            if report is not None:
                report(step + 1, end, values["loss"], time.perf_counter() - stepped)
        run.save(max(done, end))
    finally:
        torch.set_num_threads(threads)
    path = folder / FILE
    weights = {name: weight.half().cpu().contiguous() for name, weight in run.codec.state_dict().items()}
    save_whole(path, weights, {"trained_on": f"synthetic world, {settings.difficulty}", "steps": str(end)})
    return path
