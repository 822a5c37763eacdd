from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.monitor.cursors import Place
from services.monitor.lists.page import Found, Page, Row, looked_to, page

_AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def place(minutes: int) -> Place:
    return Place(_AT - timedelta(minutes=minutes), UUID(int=1000 - minutes))


def rows(*minutes: int) -> list[Row]:
    """So long ago."""
    return [{"place": place(ago)} for ago in minutes]


def test_open_and_settled_ones_are_in_one_order() -> None:
    assert page(Found(rows(2, 5), rows(1, 3), None), 4) == Page(rows(1, 2, 3, 5), None)


def test_a_full_page_goes_on_after_its_last_row() -> None:
    assert page(Found(rows(2), rows(1, 3), None), 2) == Page(rows(1, 2), place(2))


def test_an_open_one_beyond_what_was_looked_at_is_left_to_a_later_page() -> None:
    """Settled ones that are newer than it may not have been seen yet."""
    assert page(Found(rows(2, 9), rows(1), place(5)), 4) == Page(rows(1, 2), place(5))


def test_a_page_that_found_nothing_in_its_share_says_how_far_it_has_come() -> None:
    found = page(Found([], [], place(5)), 4)
    assert found == Page([], place(5))
    assert looked_to(found, _AT - timedelta(days=1)) == place(5).at
    assert looked_to(Page([], None), _AT - timedelta(days=1)) == _AT - timedelta(days=1)
