"""Keys to sign with."""

from pathlib import Path

import pytest

from tests.signing.keys import Keys, make_keys


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return make_keys(tmp_path / "keys")
