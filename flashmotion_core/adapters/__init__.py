"""Trajectory adapters: one torch module and one safetensors file, for two hosts."""

from .base import TrajectoryAdapter, block_strengths
from .checkpoint import (
    AdapterFile,
    GeneratorInfo,
    MapStyle,
    build_adapter,
    construct_adapter,
    parse_adapter,
    read_adapter,
    read_generator_info,
    save_adapter,
)
from .controlnet import ControlNetAdapter
from .resnet import ResNetAdapter

__all__ = [
    "AdapterFile",
    "ControlNetAdapter",
    "GeneratorInfo",
    "MapStyle",
    "ResNetAdapter",
    "TrajectoryAdapter",
    "block_strengths",
    "build_adapter",
    "construct_adapter",
    "parse_adapter",
    "read_adapter",
    "read_generator_info",
    "save_adapter",
]
