import pytest

from services.features import worker


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking again and trying again take no time that a test would have to wait for."""
    monkeypatch.setattr(worker, "_LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(worker, "_RETRY_S", 0.01)
