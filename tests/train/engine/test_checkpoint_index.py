"""The index of a checkpoint: nothing in it can run, and checkpoints from before it still load."""

from __future__ import annotations

import io
import json
import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.distributed.checkpoint import state_dict_saver
from torch.distributed.checkpoint.filesystem import FileSystemWriter
from torch.distributed.checkpoint.metadata import BytesStorageMetadata

from train.engine import checkpoint
from train.engine.checkpoint_index import INDEX, TensorIndex, read_index
from train.engine.older_index import OLD_INDEX, read_old_index
from train.errors import TrainError
from train.parallel import World

from ...support.sentences import refuses

ALONE = World(0, 1, 0, torch.device("cpu"))


def tensors(value: float) -> dict[str, Any]:
    return {
        "model": {"w": torch.full((30, 5), value), "half": torch.full((3,), value, dtype=torch.bfloat16)},
        "optimizer": {"w": {"step": torch.tensor(value)}, "count": torch.tensor([int(value)])},
    }


def save(folder: Path, step: int = 1) -> Path:
    checkpoint.save(folder, step, {**tensors(step), "trainer": {"step": step}}, ALONE, keep=3)
    return folder / f"step_{step:06d}"


def save_as_before(folder: Path, step: int = 1) -> Path:
    """A checkpoint as versions before the index wrote it: torch's own writer, with its pickle."""
    path = folder / f"step_{step:06d}"
    state_dict_saver.save(tensors(step), storage_writer=FileSystemWriter(path), no_dist=True)
    (path / "trainer.json").write_text(json.dumps({"step": step}))
    return path


def loads(folder: Path, step: int = 1) -> None:
    state = tensors(0)
    assert checkpoint.load(folder, step, state, ALONE) == {"step": step}
    assert all(torch.equal(state["model"][name], value) for name, value in tensors(step)["model"].items())
    assert state["optimizer"]["w"]["step"] == state["optimizer"]["count"] == step


class Marker:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


def test_no_pickle_is_written(tmp_path: Path) -> None:
    path = save(tmp_path)
    assert sorted(file.name for file in path.iterdir()) == ["__0_0.distcp", INDEX, "trainer.json"]
    assert json.loads((path / INDEX).read_text())["tensors"]["model.half"]["dtype"] == "bfloat16"
    loads(tmp_path)


def test_a_pickle_that_would_write_a_marker_writes_none(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    path = save_as_before(tmp_path)
    (path / OLD_INDEX).write_bytes(pickle.dumps(Marker(marker)))
    pickle.loads(pickle.dumps(Marker(tmp_path / "works")))  # the file does what it says where it is unpickled
    assert (tmp_path / "works").exists()
    with refuses(TrainError, key="step_000001", value="which no checkpoint needs", remedy="delete that folder"):
        checkpoint.load(tmp_path, 1, tensors(0), ALONE)
    assert not marker.exists()


@pytest.mark.parametrize("is_old", [True, False])
def test_an_entry_that_is_not_a_tensor_is_refused(is_old: bool, tmp_path: Path) -> None:
    """DCP unpickles the bytes of such an entry without any limit."""
    marker = tmp_path / "marker"
    path = save_as_before(tmp_path) if is_old else save(tmp_path)
    if is_old:
        metadata = pickle.loads((path / OLD_INDEX).read_bytes())
        metadata.state_dict_metadata["model.w"] = BytesStorageMetadata()
        (path / OLD_INDEX).write_bytes(pickle.dumps(metadata))
    else:
        values = json.loads((path / INDEX).read_text())
        values["tensors"]["model.w"] = {"bytes": True}
        (path / INDEX).write_text(json.dumps(values))
    bytes_of = io.BytesIO()
    torch.save(Marker(marker), bytes_of)
    (path / "__0_0.distcp").write_bytes(bytes_of.getvalue())
    with refuses(TrainError, key="step_000001", remedy="delete that folder"):
        checkpoint.load(tmp_path, 1, tensors(0), ALONE)
    assert not marker.exists()


def test_tensors_that_would_write_a_marker_write_none(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    path = save(tmp_path)
    values = json.loads((path / INDEX).read_text())
    bytes_of = io.BytesIO()
    torch.save(Marker(marker), bytes_of)
    (path / "__0_0.distcp").write_bytes(bytes_of.getvalue())
    values["tensors"]["model.w"]["chunks"][0] |= {"start": 0, "length": len(bytes_of.getvalue())}
    (path / INDEX).write_text(json.dumps(values))
    with refuses(TrainError, key="step_000001", remedy="delete that folder"):
        checkpoint.load(tmp_path, 1, {"model": {"w": torch.zeros(30, 5)}}, ALONE)
    assert not marker.exists()


def test_checkpoints_from_before_the_index_still_load(tmp_path: Path) -> None:
    old, new = save_as_before(tmp_path / "old"), save(tmp_path / "new")
    assert not (old / INDEX).exists()
    assert checkpoint.latest(tmp_path / "old") == 1
    loads(tmp_path / "old")
    assert read_index(old).tensors.keys() == read_index(new).tensors.keys()


def test_names_in_an_old_index_give_stand_ins(tmp_path: Path) -> None:
    """An allowed name that is called or changed touches nothing of the running program."""
    path = tmp_path / OLD_INDEX
    # Calls torch.Size with a text, then sets an attribute on the class itself.
    path.write_bytes(b"ctorch\nSize\n(S'x'\ntR0ctorch\nSize\n(}S'numel'\nS'gone'\nstb.")
    with refuses(ValueError, key=OLD_INDEX, value="is not an index of tensors"):
        read_old_index(path)
    assert torch.Size([2, 3]).numel() == 6


@pytest.mark.parametrize(
    "twice",
    [b"q%ch%c\x86", b"q%c0(h%ch%ct", b"q%ch%ch%c\x87", b"q%ch%c\x86\x85"],
    ids=["TUPLE2", "TUPLE", "TUPLE3", "TUPLE1"],
)
def test_tuples_in_tuples_do_not_hold_the_reader_up(twice: bytes, tmp_path: Path) -> None:
    """Each level holds the one before twice: hashing the sixtieth as a key would take ``2 ** 60`` steps."""
    path = tmp_path / OLD_INDEX
    levels = (twice % ((level,) * twice.count(b"%c")) for level in range(60))
    path.write_bytes(b"\x80\x02})" + b"".join(levels) + b"Ns.")
    with refuses(ValueError, key=OLD_INDEX, value="longer or deeper"):
        read_old_index(path)


def long(number: int) -> bytes:
    return b"\x8a\x0a" + number.to_bytes(10, "little", signed=True)


ALIKE = b"".join(b"K%c" % number + b"N" for number in range(3))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"}(" + ALIKE + b"u.", "no names"),
        (b"(" + ALIKE + b"d.", "no names"),
        (b"}K\x01Ns.", "no names"),
        (b"}S'a'\nNs}(S'b'\nNK\x01Nu.", "no names"),
        (b"\x8f(K\x01K\x02\x90.", "a set"),
        (b"(K\x01K\x02\x91.", "a set"),
        (b"}(" + long((1 << 61) - 1) + b"N" + long((1 << 65) - 8) + b"Nu.", "a number of 65 bits"),
        (b"X" + (10_001).to_bytes(4, "little") + b"a" * 10_001 + b".", "a text of 10,001 characters"),
        (b"B" + (10_001).to_bytes(4, "little") + b"a" * 10_001 + b".", "a text of 10,001 characters"),
    ],
)
def test_what_could_hash_alike_or_be_copied_for_ever_is_refused(text: bytes, value: str, tmp_path: Path) -> None:
    """Keys ``k * (2 ** 61 - 1)`` all hash to 0: 20,000 of them in 260 kB took 1.5 s, and twice as many four times as long."""
    (tmp_path / OLD_INDEX).write_bytes(b"\x80\x04" + text)
    with refuses(ValueError, key=OLD_INDEX, value=value):
        read_old_index(tmp_path / OLD_INDEX)


@pytest.mark.parametrize("is_name", [True, False])
def test_a_name_is_a_text_and_a_size_whole_numbers(is_name: bool, tmp_path: Path) -> None:
    path = save_as_before(tmp_path) / OLD_INDEX
    metadata = pickle.loads(path.read_bytes())
    if is_name:
        metadata.storage_data = {replace(key, fqn=("a",)): place for key, place in metadata.storage_data.items()}
    else:
        metadata.state_dict_metadata["model.w"].size = [30, ("a",)]
    path.write_bytes(pickle.dumps(metadata))
    with refuses(ValueError, key=OLD_INDEX, value="no text" if is_name else "no whole number"):
        read_old_index(path)


def test_chunks_that_many_tensors_share_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = save_as_before(tmp_path)
    metadata = pickle.loads((path / OLD_INDEX).read_bytes())
    stored = metadata.state_dict_metadata["model.w"]
    stored.chunks = stored.chunks * 1000
    (path / OLD_INDEX).write_bytes(pickle.dumps(metadata))
    with refuses(ValueError, key=OLD_INDEX, value="more chunks than places"):
        read_old_index(path / OLD_INDEX)


def test_a_tensor_of_many_axes_is_refused(tmp_path: Path) -> None:
    path = save_as_before(tmp_path)
    metadata = pickle.loads((path / OLD_INDEX).read_bytes())
    metadata.state_dict_metadata["model.w"].size = torch.Size([1] * 9)
    (path / OLD_INDEX).write_bytes(pickle.dumps(metadata))
    with refuses(ValueError, key=OLD_INDEX, value="9 axes"):
        read_old_index(path / OLD_INDEX)


@pytest.mark.parametrize(
    "text",
    [
        b"cbuiltins\nexec\n(S'1'\ntR.",
        b"cos\nsystem\n.",
        b"ctorch\nload\n.",
        b"ctorch\nfloat32.__class__\n.",
        b"ctorch.distributed.checkpoint.metadata\nos.system\n.",
        b"Ppersistent\n.",
        b"\x80\x04N.",
        b"(lp0\n.",
        b"",
        b"\x80\x04" + b"(" * 1000,
        b"\x80\x04\x8e" + b"\xff" * 8,  # bytes, longer than a computer's memory
        b"\x80\x04\x95" + b"\xff" * 8,  # a frame of the same length
        b"\x80\x04Nr\xff\xff\xff\x0f.",  # a place in the memo for which 2 GB would be taken
        b"Iabc\n.",
        b"\x80\xff.",
    ],
)
def test_other_pickles_are_refused(text: bytes, tmp_path: Path) -> None:
    (tmp_path / OLD_INDEX).write_bytes(text)
    with refuses(ValueError, key=OLD_INDEX, value="is not an index of tensors"):
        read_index(tmp_path)


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ({"file": "../../other.distcp"}, "file"),
        ({"file": "/etc/passwd"}, "file"),
        ({"start": -1}, "start"),
        ({"length": True}, "length"),
        ({"sizes": [31, 5]}, "lies outside"),
        ({"offsets": [0]}, "lies outside"),
        ({"offsets": [0, 2**63]}, "offsets"),
        ({"transform_descriptors": ["zstd"]}, "transform_descriptors"),
    ],
)
def test_a_chunk_out_of_bounds(change: dict[str, Any], value: str, tmp_path: Path) -> None:
    path = save(tmp_path)
    values = json.loads((path / INDEX).read_text())
    values["tensors"]["model.w"]["chunks"][0] |= change
    (path / INDEX).write_text(json.dumps(values))
    with refuses(TrainError, key="step_000001", value=value, remedy="delete that folder"):
        checkpoint.load(tmp_path, 1, tensors(0), ALONE)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "[" * 100_000, '{"format": 2, "tensors": {}}', '{"tensors": 3}', "\xff"]
)
def test_an_index_that_is_none(text: str, tmp_path: Path) -> None:
    path = save(tmp_path)
    (path / INDEX).write_bytes(text.encode("latin-1"))
    with refuses(TrainError, key="step_000001", value="is damaged", remedy="delete that folder"):
        checkpoint.load(tmp_path, 1, tensors(0), ALONE)


def test_the_index_says_what_dcp_says(tmp_path: Path) -> None:
    index = read_index(save(tmp_path))
    again = TensorIndex.of(index.metadata())
    assert again == index
