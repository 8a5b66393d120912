"""Reading encoded clips: batches, and each kind of damage as one sentence."""

from __future__ import annotations

import gc
import itertools
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from flashmotion_core.files.weights import read_tensors, save_whole
from flashmotion_core.wan.config import WanConfig
from flashmotion_core.wan.generator import WanGenerator, initialise
from train.data.clip_file import file_of
from train.data.clip_index import INDEX
from train.data.encode import encode_clips
from train.data.encoded import EncodedClips
from train.data.prefetch import Prefetcher
from train.errors import TrainError

from ...support.encoding import STYLE, tiny_vae, words, world
from ...support.sentences import refuses

ROOT = Path(__file__).resolve().parents[3]
AGAIN = "run the data phase again"
REPAIR = "run the command again, which encodes this clip again"
MARK = "0123456789abcdef"
SECOND, THIRD = file_of(MARK, [1]), file_of(MARK, [2])


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    encode_clips(world(), tiny_vae(), folder, style=STYLE, fingerprint="0123456789abcdef", text=words)
    return folder


@pytest.fixture
def folder(kept: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(kept, tmp_path / "clips"))


def test_a_batch_holds_the_clips_that_were_asked_for(kept: Path) -> None:
    clips = EncodedClips(kept, fingerprint="0123456789abcdef", text_dim=3)
    batch = clips.batch([2, 0])
    assert batch.names == ["train-11-2", "train-11-0"]
    for row, index in enumerate((2, 0)):
        stored = clips.read(index)
        tokens = len(stored["text"])
        assert torch.equal(batch.latent_BCFHW[row], stored["latent"].float())
        assert torch.equal(batch.control_box_BCFHW[row], stored["control_box"].float())
        assert torch.equal(batch.control_mask_BCFHW[row], stored["control_mask"].float())
        assert torch.equal(batch.inside_B1FHW[row], stored["inside"].float())
        assert tokens
        assert torch.equal(batch.context_BMT[row, :tokens], stored["text"].float())
        assert not batch.context_BMT[row, tokens:].any()
    assert batch.context_BMT.shape == (2, 512, 3)
    assert batch.to("meta").latent_BCFHW.device.type == "meta"
    assert {value.dtype for value in vars(batch).values() if isinstance(value, torch.Tensor)} == {torch.float32}


def test_without_text_one_zero_row_does_for_512(tmp_path: Path) -> None:
    encode_clips(world(1), tiny_vae(), tmp_path, style=STYLE, fingerprint="f")
    batch = EncodedClips(tmp_path, text_dim=8).batch([0])
    assert batch.context_BMT.shape == (1, 1, 8)
    torch.manual_seed(0)
    generator = WanGenerator(WanConfig(dim=64, ffn_dim=64, num_heads=2, num_layers=2, text_dim=8)).double()
    initialise(generator, torch.Generator().manual_seed(0))
    torch.nn.init.normal_(generator.head.head.weight)
    latent, timestep = batch.latent_BCFHW.double(), torch.full((1, 1), 500.0).double()
    one, many = (generator(latent, timestep, torch.zeros(1, rows, 8).double()) for rows in (1, 512))
    assert one.abs().mean() > 0.01
    assert torch.allclose(one, many, rtol=0, atol=1e-9)


def edit_index(folder: Path, line: int, change: Callable[[dict[str, object]], None]) -> None:
    lines = (folder / INDEX).read_text(encoding="ascii").splitlines()
    values = json.loads(lines[line])
    change(values)
    lines[line] = json.dumps(values)
    (folder / INDEX).write_text("\n".join(lines) + "\n", encoding="ascii")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def break_line(folder: Path) -> None:
    lines = (folder / INDEX).read_bytes().splitlines(keepends=True)
    (folder / INDEX).write_bytes(b"".join([*lines[:2], b"{broken\n", *lines[3:]]))


@pytest.mark.parametrize(
    ("spoil", "key", "value", "remedy"),
    [
        (lambda folder: shutil.rmtree(folder), "FOLDER", "holds no finished set", "run the data phase"),
        (
            lambda folder: (folder / INDEX).write_bytes((folder / INDEX).read_bytes().splitlines(True)[0]),
            "index.jsonl", "lists 0 of 4 clips", AGAIN,
        ),
        (lambda folder: (folder / INDEX).write_bytes(b""), "index.jsonl", "is damaged in line 1", AGAIN),
        (lambda folder: (folder / INDEX).write_bytes((folder / INDEX).read_bytes()[:-40]), "index.jsonl", "is damaged in line 5", AGAIN),
        (lambda folder: (folder / INDEX).write_text("[]"), "index.jsonl", "is damaged", AGAIN),
        (lambda folder: (folder / THIRD).unlink(), f"train-11-2 in FOLDER/{THIRD}", "is missing", "which encodes this clip only"),
        (lambda folder: cut(folder / SECOND), SECOND, "SIZE - 10 of SIZE bytes", "which encodes this clip only"),
        (break_line, "index.jsonl", "is damaged in line 3", AGAIN),
        (lambda folder: edit_index(folder, 0, lambda line: line.update(format=7)), "index.jsonl has format", 7, AGAIN),
        (
            lambda folder: edit_index(folder, 0, lambda line: line.update(fingerprint="other")),
            "FOLDER", "(fingerprint other, not 0123456789ab)", AGAIN,
        ),
        (
            lambda folder: edit_index(folder, 2, lambda line: line.update(text=[5, 4])),
            "the texts in FOLDER", "4 wide, but the generator takes a width of 3", "set models.text_encoder",
        ),
    ],
)  # fmt: skip
def test_damage_that_is_found_at_once(
    folder: Path, spoil: Callable[[Path], None], key: str, value: object, remedy: str
) -> None:
    size = (folder / SECOND).stat().st_size
    spoil(folder)
    if isinstance(value, str):
        value = value.replace("SIZE - 10", f"{size - 10:,}").replace("SIZE", f"{size:,}")
    with refuses(TrainError, key=key.replace("FOLDER", str(folder)), value=value, remedy=remedy):
        EncodedClips(folder, fingerprint="0123456789abcdef", text_dim=3)


def test_damage_that_is_found_when_read_names_the_clip_and_puts_it_aside(folder: Path) -> None:
    path = folder / SECOND
    content, (tensors, metadata) = path.read_bytes(), read_tensors(path)
    nan = tensors["latent"].clone()
    nan[3, 1, 0, 0] = float("nan")
    other = read_tensors(folder / THIRD)
    damages: list[tuple[Callable[[], object], str]] = [
        (lambda: save_whole(path, {**tensors, "latent": nan}, metadata), "not what was written"),
        (lambda: path.write_bytes(content[:-1] + bytes([content[-1] ^ 1])), "not what was written"),
        (lambda: path.write_bytes(b"\xff" * len(content)), "is not a complete safetensors file"),
        (lambda: save_whole(path, {**tensors, "latent": nan.reshape(48, 2, 8, 2)}, metadata), "shape (48, 2, 8, 2), not (48, 2, 4, 4)"),
        (lambda: save_whole(path, *other), "holds train-11-2 as it was at another time"),
        (lambda: save_whole(path, tensors, {}), "does not say which clip it is"),
    ]  # fmt: skip
    clips = EncodedClips(folder)
    for damage, value in damages:
        damage()
        with refuses(TrainError, key=f"train-11-1 in {path}", value=value, remedy=REPAIR):
            clips.batch([0, 1])
        assert not path.exists()
    encode_clips(world(), tiny_vae(), folder, style=STYLE, fingerprint=MARK, text=words)
    assert path.read_bytes() == content
    assert not list(folder.glob("*.damaged"))


def test_reading_ahead_keeps_the_order(kept: Path) -> None:
    clips = EncodedClips(kept)
    order = [[0, 1], [3, 2], [1, 1]]
    reader = Prefetcher(clips, iter(order), "cpu")
    seen = list(reader)
    assert [batch.names for batch, _ in seen] == [clips.batch(chosen).names for chosen in order]
    assert all(torch.equal(a.latent_BCFHW, clips.batch(b).latent_BCFHW) for (a, _), b in zip(seen, order, strict=True))
    assert all(0 <= waited < 10 for _, waited in seen)
    with pytest.raises(StopIteration):
        reader.next()


def test_an_error_of_the_thread_reaches_the_caller(folder: Path) -> None:
    clips = EncodedClips(folder)
    (folder / file_of(MARK, [3])).unlink()
    reader = Prefetcher(clips, iter([[0], [3], [0]]), "cpu")
    assert reader.next()[0].names == ["train-11-0"]
    for _ in range(2):  # and stays there
        with refuses(TrainError, key=file_of(MARK, [3]), value="is damaged", remedy=REPAIR):
            reader.next()


def prefetch_threads() -> int:
    return sum(thread.name == "prefetch" for thread in threading.enumerate())


def test_the_thread_ends_when_closed_or_forgotten(kept: Path) -> None:
    clips = EncodedClips(kept)
    asked: list[int] = []

    def endless() -> Iterator[list[int]]:
        for number in itertools.count():
            asked.append(number)
            yield [number % 4]

    closed, forgotten = (Prefetcher(clips, endless(), "cpu", depth=2) for _ in range(2))
    closed.next()
    forgotten.next()
    assert prefetch_threads() == 2
    closed.close()
    assert prefetch_threads() == 1
    with pytest.raises(StopIteration):
        closed.next()
    del forgotten
    gc.collect()
    assert prefetch_threads() == 0
    assert max(asked) <= 4


def test_no_hang_at_exit(kept: Path) -> None:
    code = (
        "import itertools; from train.data.encoded import EncodedClips; from train.data.prefetch import Prefetcher\n"
        f"reader = Prefetcher(EncodedClips({str(kept)!r}), ([i % 4] for i in itertools.count()), 'cpu')\n"
        "print(reader.next()[0].names)"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert (done.returncode, done.stdout, done.stderr) == (0, "['train-11-0']\n", "")
    assert time.monotonic() - started < 50
