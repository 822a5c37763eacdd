from pathlib import Path

from deploy.local.home import Home


def test_only_one_holder_of_a_home_at_a_time(tmp_path: Path) -> None:
    home = Home(tmp_path)
    first = home.lock()
    assert first is not None
    assert home.lock() is None
    first.close()
    second = home.lock()
    assert second is not None
    second.close()
