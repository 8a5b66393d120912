"""What the core's tests share."""

import pytest

from ..support.headless_models import write_models


@pytest.fixture(scope="session")
def headless_models(tmp_path_factory):
    """The folder of `headless_models.write_models`, which nobody may change."""
    return write_models(tmp_path_factory.mktemp("models"))
