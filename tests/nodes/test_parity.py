"""One adapter, two hosts: ComfyUI's native Wan model and diffusers give the same latents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from .helpers import DOCUMENT, SIZE, Rig, own_rig, start_picture
from .test_motion_guide import guide
from .test_quantised_adapters import quantised

FRAMES = 17
TOLERANCE = 1e-3


@pytest.fixture(scope="module")
def rig(pack: ModuleType, comfyui: Path, tmp_path_factory: pytest.TempPathFactory) -> Rig:
    """Models of two heads, so that how they are split counts."""
    return own_rig(pack, tmp_path_factory.mktemp("models"), "two_heads", dim=256, num_heads=2, num_layers=2)


def headless(
    tiny: dict[str, Path],
    kinds: Sequence[str],
    picture: torch.Tensor | None,
    seed: int,
    follow: float = 0.0,
    **options: float,
) -> torch.Tensor:
    """Four steps on diffusers: denormalised latent; ``options`` of the controls."""
    from flashmotion_core.adapters import read_adapter
    from flashmotion_core.codec.vae import load_vae
    from flashmotion_core.generation.adapter_control import Control
    from flashmotion_core.generation.loading import load_adapter, load_generator
    from flashmotion_core.generation.pipeline import sample_latent
    from flashmotion_core.generation.text_encoder import no_text
    from flashmotion_core.guide.guide_clip import GuideClip
    from flashmotion_core.guide.guide_levels import levels
    from flashmotion_core.trajectory import parse, render, sample
    from flashmotion_core.wan.conditioning import denormalise, latent_shape

    generator = load_generator(tiny["generator"], "cpu", torch.float32)
    vae = load_vae(tiny["vae"], "cpu", torch.float32)
    controls = []
    for kind in kinds:
        file = read_adapter(tiny[kind], torch.float32)
        adapter = load_adapter(file, generator, "cpu", torch.float32)
        style = file.map_style
        frames = render(sample(parse(DOCUMENT)), mode=style.mode, opacity=style.opacity, thickness=style.thickness)
        controls.append(Control(adapter, vae.encode(frames), **options))
    guide = None
    if follow:
        assert picture is not None
        drawn = GuideClip((picture[0].numpy() * 255).round().astype(np.uint8), sample(parse(DOCUMENT)))
        guide = drawn.guide(vae.encode(drawn.all())), levels(follow)
    clean = None if picture is None else vae.encode((picture.numpy() * 255).round().astype(np.uint8))
    latent = sample_latent(
        generator,
        no_text(generator.info.config),
        latent_shape(*SIZE, FRAMES),
        controls,
        guide=guide,
        clean_BCFHW=clean,
        seed=seed,
    )
    return denormalise(latent)


@pytest.mark.parametrize("with_image", [False, True], ids=["text", "image"])
@pytest.mark.parametrize("kind", [None, "resnet", "controlnet"])
def test_both_hosts_give_the_same_latents(kind: str | None, with_image: bool, rig: Rig, record_property: Any) -> None:
    picture = start_picture() if with_image else None
    model = rig.generator if kind is None else rig.apply(kind)
    ours = rig.sample(model, rig.latent(picture, FRAMES), seed=11)
    theirs = headless(rig.tiny, [kind] if kind else [], picture, seed=11)
    difference = float((ours - theirs).abs().max())
    record_property("max_abs_difference", difference)
    assert ours.abs().max() > 1
    assert difference < TOLERANCE


@pytest.mark.parametrize(
    ("follow", "kind", "start"), [(0.6, None, 0.0), (0.25, "resnet", 0.25), (1.0, None, 0.0)], ids=str
)
def test_both_hosts_give_the_same_guided_latents(follow: float, kind: str | None, start: float, rig: Rig) -> None:
    model = rig.generator if kind is None else rig.apply(kind, start=start)
    ours = rig.sample(guide(rig, model, follow=follow))
    options = {} if kind is None else {"start": start}
    theirs = headless(rig.tiny, [kind] if kind else [], start_picture(), seed=11, follow=follow, **options)
    assert float((ours - theirs).abs().max()) < TOLERANCE
    assert float((ours - rig.sample(model)).abs().max()) > 100 * TOLERANCE


@pytest.mark.parametrize("with_image", [False, True], ids=["text", "image"])
@pytest.mark.parametrize("every", [1, 2, 4])
def test_both_hosts_give_the_same_latents_with_a_controlnet_in_some_steps(
    every: int, with_image: bool, rig: Rig
) -> None:
    picture = start_picture() if with_image else None
    controlled = rig.apply("controlnet", compute_every=every)
    ours = rig.sample(controlled, rig.latent(picture, FRAMES), seed=11)
    theirs = headless(rig.tiny, ["controlnet"], picture, seed=11, compute_every=every)
    assert float((ours - theirs).abs().max()) < TOLERANCE
    if every > 1:
        always = rig.sample(rig.apply("controlnet"), rig.latent(picture, FRAMES), seed=11)
        assert float((ours - always).abs().max()) > 10 * TOLERANCE


@pytest.mark.parametrize(
    ("generator", "chain"),
    [
        (None, [("resnet", None), ("controlnet", None)]),
        ("float8_e4m3fn", [("resnet", None), ("controlnet", "fp8_scaled")]),
        ("nvfp4", [("controlnet", "nvfp4"), ("controlnet", None)]),
    ],
    ids=str,
)
def test_both_hosts_agree_on_chains_and_quantised_files(
    generator: str | None, chain: list[tuple[str, str | None]], rig: Rig
) -> None:
    files = {f"{kind} {name}": quantised(rig, kind, name) if name else rig.tiny[kind] for kind, name in chain}
    files["generator"] = quantised(rig, "generator", generator) if generator else rig.tiny["generator"]
    rig = replace(rig, tiny={**rig.tiny, **files})
    with torch.inference_mode():  # as ComfyUI runs nodes
        model = rig.load()
        for kind, name in chain:
            model = rig.apply(f"{kind} {name}", model)
    ours = rig.sample(model, rig.latent(None, FRAMES))
    theirs = headless(rig.tiny, [f"{kind} {name}" for kind, name in chain], None, seed=11)
    assert float((ours - theirs).abs().max()) < TOLERANCE
