"""The steps, in the order in which a first run does them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from .gpu_step import GpuStep, Surroundings

HERE = Path(__file__).resolve().parent
SPEED = HERE.parent / "speed.py"

SIZE, TINY_SIZE = "704x1280x121", "64x96x9"
CAPS_GB = (12, 16, 24, 48, 80)
STAGES = ("stage1", "stage2", "stage3")
PATIENCE_S = "4"

CORE = ("torch", "numpy", "safetensors", "einops")
CLIP = ("transformers", "diffusers", "av")
"""For a whole clip: the text encoder, the full VAE, and writing."""
TRAINING = ("pydantic", "yaml", "tensorboard", "matplotlib", "peft", "optimi", "av", "rich", "jinja2")
"""With ``CORE`` what ``train/packages.py`` asks for."""
ENGINE = tuple(name for name in TRAINING if name not in ("matplotlib", "optimi", "av", "jinja2"))
"""Enough for the training loop alone."""

Command = Callable[[Surroundings, Path], Sequence[str | Path]]


def speed(
    *parts: str,
    dtypes: Sequence[str] = ("bf16",),
    modes: Sequence[str] = ("eager",),
    adapters: Sequence[str] = ("none", "resnet"),
    hosts: Sequence[str] = ("core",),
    jobs: Sequence[str] = ("resnet",),
    attention: Sequence[str] = ("auto",),
    memory_gb: int | None = None,
    comfyui: bool = False,
) -> Command:
    """``bench/speed.py`` at the largest size; a rehearsal measures tiny shapes once, compiles nothing and limits no memory."""

    def command(there: Surroundings, stem: Path) -> Sequence[str | Path]:
        chosen = {
            "dtypes": dtypes,
            "modes": modes,
            "adapters": adapters,
            "hosts": hosts,
            "jobs": jobs,
            "attention": attention,
        }
        chosen["parts"] = [part for part in parts if part == "denoise" or not there.missing & set(CLIP)]
        if there.rehearse:
            chosen["modes"] = ["eager"]
            fixed = ["--device", "cpu", "--shapes", "tiny", "--sizes", TINY_SIZE, "--repeat", "1"]
        else:
            fixed = ["--device", "cuda", "--shapes", "real", "--sizes", SIZE, "--repeat", "3", "--patience", PATIENCE_S]
            fixed += ["--memory", str(memory_gb)] if memory_gb else []
        named = [word for name, values in chosen.items() for word in (f"--{name}", *values)]
        host: list[str | Path] = ["--comfyui", there.comfyui] if comfyui and there.comfyui is not None else []
        return [SPEED, *fixed, *named, *host, "--out", stem]

    return command


def own(program: str, *arguments: str) -> Command:
    """A program of this folder, which takes ``--out`` and ``--rehearse``, and a folder for unfinished work."""

    def command(there: Surroundings, stem: Path) -> Sequence[str | Path]:
        rehearse = ["--rehearse"] if there.rehearse else []
        return [HERE / program, *arguments, *rehearse, "--work", there.work, "--out", stem]

    return command


def served(there: Surroundings, stem: Path) -> Sequence[str | Path]:
    """The tiny example workflows on ComfyUI's server."""
    assert there.comfyui is not None
    return own("served_workflows.py", "--comfyui", str(there.comfyui))(there, stem)


STEPS: tuple[GpuStep, ...] = (
    GpuStep("tests", "the tests marked gpu", own("marked_tests.py"), needs=(*CORE, "pytest"), wishes=("pydantic",),
            without="one test is skipped"),
    GpuStep("speed_eager", "four steps, eager",
            speed("denoise", adapters=("none", "resnet", "controlnet", "controlnet-1st-step"), attention=("sdpa",)), needs=CORE),
    GpuStep("speed_compiled", "four steps, compiled",
            speed("denoise", modes=("compiled",), adapters=("none", "resnet", "controlnet", "controlnet-1st-step")), needs=CORE),
    GpuStep("speed_fp8", "four steps, 8-bit weights and products",
            speed("denoise", dtypes=("fp8", "fp8-products"), adapters=("none", "resnet", "controlnet")), needs=CORE),
    GpuStep("speed_codecs", "text, map and decoding by the full and the small VAE", speed("text", "codecs", "decoders"),
            needs=(*CORE, *CLIP)),
    GpuStep("speed_decoders", "decoding by the compiled full VAE", speed("decoders", modes=("compiled",)), needs=(*CORE, *CLIP)),
    GpuStep("speed_jobs", "picture and boxes to mp4", speed("jobs", adapters=("resnet",)), needs=(*CORE, *CLIP)),
    GpuStep("speed_jobs_compiled", "the same, compiled", speed("jobs", modes=("compiled",), adapters=("resnet",)), needs=(*CORE, *CLIP)),
    GpuStep("speed_jobs_fp8", "the same with 8-bit weights", speed("jobs", dtypes=("fp8",), adapters=("resnet",)), needs=(*CORE, *CLIP)),
    *(
        GpuStep(f"memory_{cap}", f"what runs in {cap} GB",
                speed("text", "codecs", "denoise", dtypes=("bf16", "fp8"), adapters=("resnet", "controlnet"), memory_gb=cap),
                needs=CORE, wishes=CLIP, memory_gb=cap, without="no text and no codecs")
        for cap in CAPS_GB
    ),
    GpuStep("peers_comfyui", "ComfyUI's stock graph beside ours",
            speed("jobs", adapters=("resnet",), comfyui=True), needs=(*CORE, *CLIP), wants_comfyui=True,
            must="peers"),
    GpuStep("peers_diffusers", "diffusers' pipeline beside ours",
            speed("jobs", adapters=("resnet",), hosts=("core", "diffusers")), needs=(*CORE, *CLIP, "PIL"), must="peers"),
    *(
        GpuStep(f"training_{stage}", f"20 training steps of {stage} of one_80g", own("training_steps.py", stage),
                needs=(*CORE, *ENGINE))
        for stage in STAGES
    ),
    GpuStep("workflows", "the tiny example workflows on ComfyUI's server, on the card and on the processor", served,
            needs=(*CORE, "av", "PIL"), wants_comfyui=True),
    GpuStep("tiny_gpu", "train/run_all.py --config tiny_gpu, continued from call to call", own("tiny_gpu_run.py"), needs=(*CORE, *TRAINING)),
)  # fmt: skip

MODULES = tuple(dict.fromkeys(name for step in STEPS for name in (*step.needs, *step.wishes)))
"""Every module that a step may need."""
