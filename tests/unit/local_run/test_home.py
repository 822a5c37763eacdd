from pathlib import Path

import pytest

from deploy.local.failure import LocalRunError
from deploy.local.home import Home
from deploy.local.preflight import check_removable


def test_only_one_holder_of_a_home_at_a_time(tmp_path: Path) -> None:
    home = Home(tmp_path)
    first = home.lock()
    assert first is not None
    assert home.lock() is None
    first.close()
    second = home.lock()
    assert second is not None
    second.close()


def test_a_folder_with_other_things_in_it_is_never_deleted() -> None:
    with pytest.raises(LocalRunError, match="holds more than"):
        check_removable(Home(Path.home()))
