"""Trajectory adapters: one torch module and one safetensors file, for two hosts."""

from .adapter import TrajectoryAdapter, block_strengths
from .adapter_file import (
    AdapterFile,
    GeneratorInfo,
    MapStyle,
    is_ours,
    parse_adapter,
    read_adapter,
    read_generator_info,
    save_adapter,
)
from .construct import build_adapter, construct_adapter
from .controlnet import ControlNetAdapter
from .resnet import ResNetAdapter
from .reuse import ReusingAdapter, check_compute_every
from .small_file import check_base, rebuilt, shrunk
from .weight_checks import check_weights

__all__ = [
    "AdapterFile",
    "ControlNetAdapter",
    "GeneratorInfo",
    "MapStyle",
    "ResNetAdapter",
    "ReusingAdapter",
    "TrajectoryAdapter",
    "block_strengths",
    "build_adapter",
    "check_base",
    "check_compute_every",
    "check_weights",
    "construct_adapter",
    "is_ours",
    "parse_adapter",
    "read_adapter",
    "read_generator_info",
    "rebuilt",
    "save_adapter",
    "shrunk",
]
