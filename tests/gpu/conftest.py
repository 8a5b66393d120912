"""The device of tests marked gpu: the GPU, or a CPU in a rehearsal."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(scope="session")
def device() -> Iterator[torch.device]:
    """Convolutions in float32 are exact within, where cuDNN would round to TF32."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.allow_tf32 = before
