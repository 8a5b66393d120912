"""The feature network: what distances in its features notice, its file, and that it can be made again."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from flashmotion_core.files.weights import save_whole
from flashmotion_core.metrics import frechet_distance
from train.errors import TrainError
from train.evaluation.feature_network import MIRROR, WORDS, draw, examples, motion_of, train
from train.evaluation.features import (
    DEFAULT,
    DIMENSIONS,
    ClipFeatures,
    features_of,
    load_features,
    pixels,
    save_features,
)
from train.world import synthetic
from train.world.degrade import DEGRADATIONS

from ...support.sentences import refuses

pytestmark = pytest.mark.slow

CLIPS = 12
SEED = 4321  # of the training stream, and not the one that the network was trained on


@pytest.fixture(scope="module")
def network() -> ClipFeatures:
    return load_features(DEFAULT)


@pytest.fixture(scope="module")
def real() -> list[np.ndarray]:
    return [synthetic.clip(SEED, index, "easy", (128, 128), 17).frames_THWC for index in range(CLIPS)]


@pytest.mark.parametrize("kind", ["blurred", "noised", "frozen", "shuffled", "ghosted", "paled"])
def test_the_distance_rises_with_what_is_done_to_clips(
    kind: str, network: ClipFeatures, real: list[np.ndarray]
) -> None:
    reference = features_of(network, real)
    distances = [frechet_distance(reference, reference)]
    for strength in (0.3, 0.6, 1.0):
        spoilt = [DEGRADATIONS[kind](frames, strength, np.random.default_rng(n)) for n, frames in enumerate(real)]
        distances.append(frechet_distance(features_of(network, spoilt), reference))
    assert distances[0] < 1e-6
    assert all(more > less + 0.01 for less, more in pairwise(distances)), distances


def test_other_contents_are_at_a_distance(network: ClipFeatures, real: list[np.ndarray]) -> None:
    reference = features_of(network, real)
    recoloured = [np.ascontiguousarray(frames[..., ::-1]) for frames in real]
    assert frechet_distance(features_of(network, recoloured), reference) > 0.5


def test_the_embedded_file_is_small_and_says_what_it_is(network: ClipFeatures) -> None:
    assert DEFAULT.stat().st_size < 2e6
    assert network.mean_D.shape == (DIMENSIONS,)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_clips_of_any_size_and_length_are_looked_at_alike(network: ClipFeatures) -> None:
    assert pixels(np.zeros((33, 256, 384, 3), dtype=np.uint8)).shape == (9, 3, 128, 192)
    assert pixels(np.full((5, 64, 64, 3), 255, dtype=np.uint8)).shape == (5, 3, 128, 128)
    assert float(pixels(np.full((5, 64, 64, 3), 255, dtype=np.uint8)).min()) == 1.0
    frames = synthetic.clip(SEED, 0, "easy", (64, 64), 5).frames_THWC
    assert features_of(network, [frames, frames]).shape == (2, DIMENSIONS)
    assert np.isfinite(features_of(network, [frames])).all()


def test_the_same_seed_gives_the_same_network(one_thread: None, tmp_path: Path) -> None:
    first, second = (train(2, 3, drawn=4, clips=2, size=64, frames=5) for _ in range(2))
    other = train(2, 4, drawn=4, clips=2, size=64, frames=5)
    for key, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[key]), key
    assert not torch.equal(first.out.weight, other.out.weight)
    save_features(tmp_path / "network.safetensors", first, {"steps": 2})
    frames = [draw(5, index, 64, 5).frames_THWC for index in range(2)]
    again = features_of(load_features(tmp_path / "network.safetensors"), frames)
    # In float16; after two steps clips hardly differ, and what does is scaled up.
    assert again == pytest.approx(features_of(first, frames), abs=0.3)


def test_examples_mirror_and_spoil_what_they_say() -> None:
    clips = [draw(5, index, 64, 5) for index in range(2)]
    batch = examples(clips, 1, 0)
    assert batch.pixels_BTCHW.shape == (8, 5, 3, 128, 128)
    assert batch.words_BW.shape == (8, len(WORDS))
    assert (batch.strengths_BK[::4] == 0).all()  # the first version of each is as it is
    assert (batch.strengths_BK[1:4].sum(dim=1) > 0).all()
    clip = synthetic.clip(5, 0, "easy", (64, 64), 5)
    left = motion_of(clip)
    mirrored_x = 1 - left[1]
    assert (left * MIRROR[0] + MIRROR[1])[[1, 5]] == pytest.approx([mirrored_x, -left[5]])
    assert (left * MIRROR[0] + MIRROR[1])[[0, 2, 3, 4, 6, 7]] == pytest.approx(left[[0, 2, 3, 4, 6, 7]])


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_degradations(kind: str) -> None:
    frames = synthetic.clip(5, 1, "easy", (64, 64), 9).frames_THWC
    kept = frames.copy()
    assert np.array_equal(DEGRADATIONS[kind](frames, 0.0, np.random.default_rng(0)), kept)
    errors = []
    for strength in (0.3, 1.0):
        spoilt = DEGRADATIONS[kind](frames, strength, np.random.default_rng(0))
        assert spoilt.shape == frames.shape
        assert spoilt.dtype == np.uint8
        errors.append(np.abs(spoilt.astype(int) - kept).mean())
        if kind in ("frozen", "shuffled", "ghosted"):
            assert np.array_equal(spoilt[0], kept[0])
    assert 0 < errors[0] < errors[1]
    assert np.array_equal(frames, kept)
    if kind == "shuffled":
        assert sorted(frame.tobytes() for frame in spoilt) == sorted(frame.tobytes() for frame in kept)


def test_a_file_that_is_not_a_feature_network_is_one_sentence(tmp_path: Path) -> None:
    save_whole(tmp_path / "other.safetensors", {"a": torch.zeros(1)}, {})
    for name in ("other", "none"):
        with refuses(TrainError, key="feature network", value=f"{name}.safetensors", remedy="train.feature_network"):
            load_features(tmp_path / f"{name}.safetensors")
