"""A generator's file or folder as the phases read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flashmotion_core.adapters import read_generator_info
from flashmotion_core.files.model_folder import read_folder_config
from flashmotion_core.generation.loading import read_generator
from flashmotion_core.wan.config import WanConfig
from flashmotion_core.wan.fingerprint import fingerprint

from ..engine.build import Network


@dataclass(frozen=True)
class GeneratorFile(Network):
    """A generator from a file, and whether it takes text."""

    text: bool

    @property
    def fingerprint(self) -> str:
        """See ``wan.fingerprint``."""
        return fingerprint(self.weights)


def generator_file(path: Path) -> GeneratorFile:
    """A generator from its file."""
    info, weights = read_generator(path)
    return GeneratorFile(info.config, weights, info.text)


def sizes_of(path: Path) -> WanConfig:
    """Sizes of a generator, from the header of its file or the configuration of its diffusers folder.

    Raises:
        ValueError: it is not a generator.
    """
    if not path.is_dir():
        return read_generator_info(path).config
    folder = path / "transformer" if (path / "transformer").is_dir() else path
    return WanConfig.from_diffusers(read_folder_config(folder, "generator", ("WanTransformer3DModel",)), folder)
