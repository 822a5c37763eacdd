import base64
import re
import stat
from pathlib import Path

from deploy.local.keyfiles import new_admin_key, new_key_ring, read_or_create


def test_a_secret_is_made_once_and_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "admin.key"
    secret = read_or_create(path, new_admin_key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_or_create(path, new_admin_key) == secret
    assert list(tmp_path.iterdir()) == [path]


def test_the_admin_key_has_the_format_of_api_keys() -> None:
    assert re.fullmatch(r"tg_[0-9a-f]{8}_[A-Za-z0-9_-]{43}", new_admin_key())


def test_the_key_ring_holds_one_key_of_32_bytes() -> None:
    key_id, _, key = new_key_ring().partition(":")
    assert key_id == "k1"
    assert len(base64.b64decode(key, validate=True)) == 32
