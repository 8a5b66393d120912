"""A file of another format is named by its first bytes, whatever its name ends in."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from flashmotion_core.files.weights import read_header

from ...support.sentences import refuses


@pytest.mark.parametrize(
    ("head", "kind", "remedy"),
    [
        (b"GGUF\x03\x00\x00\x00", "a GGUF file", "Unet Loader (GGUF)"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer", "the file itself"),
        (b"<!doctype html><html>", "a web page", "download or copy the file itself again"),
        (b'{"metadata": {}, "weight_map": {}}', "index of a sharded file", "the file itself"),
        (b"", "an empty file", "again"),
        (b"\x10\x00\x00\x00\x00\x00\x00\x00{}", "not a complete safetensors file", "download or copy it again"),
    ],
)
@pytest.mark.parametrize("suffix", ["safetensors", "gguf"])
def test_first_bytes_say_what_it_is(head: bytes, kind: str, remedy: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"wan.{suffix}"
    path.write_bytes(head)
    with refuses(key=path.name, value=kind, remedy=remedy):
        read_header(path)


@pytest.mark.parametrize(("zipped", "kind"), [(True, "torch's zip format"), (False, "the format before zip")])
@pytest.mark.parametrize("name", ["model.pt", "model.safetensors"])
def test_both_formats_of_torch_are_told_apart(zipped: bool, kind: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    torch.save({"head.modulation": torch.zeros(1, 2, 4)}, path, _use_new_zipfile_serialization=zipped)
    with refuses(key=name, value=kind, remedy="convert it with"):
        read_header(path)
