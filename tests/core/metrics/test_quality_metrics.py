"""Quality without a network: what blurred, frozen, flickering and jumping clips score."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from flashmotion_core.metrics import (
    dynamic_degree,
    first_frame_jump,
    flicker,
    kept_sharpness,
    motion,
    psnr,
    sharpness,
)

from ...support.sentences import refuses

Frames = np.ndarray


def clip(frames: int = 9) -> Frames:
    """A square that moves 3 pixels per frame over noise."""
    ground = np.random.default_rng(0).integers(60, 120, (64, 64, 3), dtype=np.uint8)
    found = np.repeat(ground[None], frames, axis=0)
    for t in range(frames):
        found[t, 20:40, 3 * t : 3 * t + 20] = (250, 240, 200)
    return found


def blurred(frames: Frames) -> Frames:
    return np.stack([np.asarray(Image.fromarray(f).filter(ImageFilter.GaussianBlur(2))) for f in frames])


def test_a_ramp_has_its_slope_as_sharpness() -> None:
    ramp = np.broadcast_to(np.arange(0, 128, 2, dtype=np.uint8)[None, None, :, None], (2, 8, 64, 3))
    assert sharpness(ramp) == pytest.approx(2, rel=1e-5)
    assert sharpness(np.zeros((2, 8, 8, 3), dtype=np.uint8)) == 0
    assert kept_sharpness(np.zeros((2, 8, 8, 3), dtype=np.uint8)) is None


def test_a_still_keeps_its_sharpness_and_has_no_motion() -> None:
    frozen = np.repeat(clip()[:1], 9, axis=0)
    assert kept_sharpness(frozen) == pytest.approx(1)
    assert (motion(frozen), dynamic_degree(frozen), flicker(frozen)) == (0, 0, 0)
    assert first_frame_jump(frozen) is None
    assert motion(clip()) > 1
    assert dynamic_degree(clip()) > 0.1


def test_blur_after_frame_0_lowers_sharpness_and_is_a_jump() -> None:
    found = np.concatenate([clip()[:1], blurred(clip()[1:])])
    assert (kept_sharpness(found) or 1) < 0.6
    assert (kept_sharpness(clip()) or 0) > 0.95
    assert (first_frame_jump(found) or 0) > 2 * (first_frame_jump(clip()) or 9)


def test_even_motion_has_no_jump() -> None:
    assert first_frame_jump(clip()) == pytest.approx(1, abs=0.1)


def test_flicker_is_the_amplitude_of_alternating_brightness() -> None:
    bright = np.full((7, 16, 16, 3), 100, dtype=np.uint8)
    bright[::2] += 6
    bright[1::2] -= 6
    assert flicker(bright) == pytest.approx(6, rel=1e-5)
    fade = np.broadcast_to(np.arange(100, 170, 10, dtype=np.uint8)[:, None, None, None], (7, 16, 16, 3))
    assert flicker(fade) == pytest.approx(0, abs=1e-5)
    assert flicker(bright[:2]) == 0


def test_psnr_in_closed_form_without_frame_0() -> None:
    real = np.full((3, 8, 8, 3), 100, dtype=np.uint8)
    found = real + np.array([50, 5, 5], dtype=np.uint8)[:, None, None, None]
    assert psnr(found, real) == pytest.approx(10 * np.log10(255**2 / 25))
    assert psnr(real, real) is None
    with refuses(key="clips", value="[2, 8, 8, 3]", remedy="give equal ones"):
        psnr(real[1:], real)


def test_one_frame_has_no_motion() -> None:
    assert kept_sharpness(clip(1)) is None
    assert (motion(clip(1)), dynamic_degree(clip(1)), first_frame_jump(clip(1)), psnr(clip(1), clip(1))) == (
        0,
        0,
        None,
        None,
    )
