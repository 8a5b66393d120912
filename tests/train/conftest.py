"""What the tests of methods and of the trainer share."""

from __future__ import annotations

import pytest

from train.data.encoded import EncodedClips

from ..support.small_clips import write_clips


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> EncodedClips:
    """Eight small encoded clips."""
    return write_clips(tmp_path_factory.mktemp("clips") / "train")
