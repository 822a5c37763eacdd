"""The picture of the floors is that of the import contracts."""

from tests.unit.docs.floors import PICTURE, drawn, read_contracts


def test_the_picture_shows_the_contracts() -> None:
    assert PICTURE.read_text() == drawn(read_contracts()), "renew it: .venv/bin/python -m tests.unit.docs.floors"
