"""What the tests of methods and of the trainer share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from train.data.encoded import EncodedClips

from ..support.small_clips import write_clips


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch on one thread: networks as small as these are slower on two, and sums come in one order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> EncodedClips:
    """Eight small encoded clips."""
    return write_clips(tmp_path_factory.mktemp("clips") / "train")
