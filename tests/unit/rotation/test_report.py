import json
from collections import Counter

import pytest

from services.__main__ import SEALED_PLACES
from services.rotation import report as rotation_report
from services.rotation.report import (
    progress,
    rotation_as_json,
    show_rotation,
    show_status,
    status_as_json,
)
from services.rotation.resealing import Unreadable
from services.rotation.rotation import Inventory, Rotation
from shared.crypto import KeyRing
from shared.crypto.keys import new_key
from tests.unit.rotation.sealed_values import NEW, place

KEYS, EVENTS = "provider_keys.sealed_api_key", "results.event"
BROKEN = [Unreadable(KEYS, "acme", f"provider-{number}\x1b[31m", "k0", "it was [red]altered") for number in range(30)]
Captured = pytest.CaptureFixture[str]


def inventory(unreadable: list[Unreadable], **counts: int) -> Inventory:
    return Inventory(Counter({(KEYS, kid): count for kid, count in counts.items()}), unreadable)


def test_the_status_says_what_is_used_what_is_missing_and_what_may_go() -> None:
    ring = KeyRing.parse(",".join(new_key(kid) for kid in ("k3", "k2", "k1")))
    taken = Inventory(Counter({(KEYS, "k1"): 2, (EVENTS, "k1"): 1, (KEYS, "k0"): 1, (KEYS, None): 1}), BROKEN[:2])

    status = status_as_json(ring, SEALED_PLACES, taken)

    assert status["sealing_key"] == "k3"
    assert [(key["kid"], key["in_ring"], key["secrets"]) for key in status["keys"]] == [
        ("k3", True, 0), ("k2", True, 0), ("k1", True, 3), ("k0", False, 1), (None, False, 1),
    ]  # fmt: skip
    assert status["missing_keys"] == ["k0"]
    assert status["removable_keys"] == ["k2"]
    places = {found["place"]: found for found in status["places"]}
    assert list(places) == [of.name for of in SEALED_PLACES]
    assert (places[KEYS]["secrets"], places[KEYS]["unreadable"]) == (4, 2)
    assert places[EVENTS]["keys"] == [{"kid": "k1", "secrets": 1}]


def test_all_unreadable_ones_are_in_the_json_and_twenty_in_the_table(capsys: Captured) -> None:
    status = status_as_json(NEW, SEALED_PLACES, inventory(BROKEN, k0=30, k2=5))

    show_status(status, True)
    assert json.loads(capsys.readouterr().out) == status
    assert len(status["unreadable"]) == 30

    show_status(status, False)
    shown = capsys.readouterr().out
    assert shown.count("it was [red]altered") == 20
    assert "and 10 more" in shown
    assert "k0 is used, and is not in TALLYGATE_KEYS" in shown
    assert "\x1b" not in shown


def test_before_a_key_is_removed_the_topics_are_named(capsys: Captured) -> None:
    show_status(status_as_json(NEW, SEALED_PLACES, inventory([], k2=5)), False)
    shown = capsys.readouterr().out
    assert "Nothing here is sealed under k1" in shown
    assert "inference.requests.v1: 1 day" in shown
    assert "inference.replies.v1: 0:10:00" in shown


def test_while_the_old_key_is_used_none_may_be_removed(capsys: Captured) -> None:
    show_status(status_as_json(NEW, SEALED_PLACES, inventory([], k1=1, k2=5)), False)
    assert "No key may be removed" in capsys.readouterr().out


def test_a_rotation_is_told_by_place(capsys: Captured) -> None:
    done = rotation_as_json(NEW, SEALED_PLACES, Rotation(Counter({KEYS: 3}), Counter({KEYS: 1})))
    assert {"place": KEYS, "resealed": 3, "already": 1, "unreadable": 0} in done["places"]

    show_rotation(done, False)
    assert "All that was found is under k2" in capsys.readouterr().out


def test_a_rotation_that_left_something_does_not_say_that_all_is_well(capsys: Captured) -> None:
    show_rotation(rotation_as_json(NEW, SEALED_PLACES, Rotation(unreadable=BROKEN[:1])), False)
    shown = capsys.readouterr().out
    assert "All that was found" not in shown
    assert "Unreadable: 1" in shown


def test_without_a_terminal_there_is_a_line_for_each_place_that_is_done(capsys: Captured) -> None:
    with progress() as seen:
        for looked_at in (0, 1, 2):
            seen(place(KEYS), looked_at, 2)
        seen(place(EVENTS), 0, 0)
    captured = capsys.readouterr()
    assert captured.err == f"{KEYS}: 2 of 2\n{EVENTS}: 0 of 0\n"
    assert captured.out == ""


def test_without_a_terminal_a_long_place_is_told_now_and_then(capsys: Captured) -> None:
    times = iter([0.0, 1.0, 6.0, 6.0, 7.0])
    seen = rotation_report._lines(lambda: next(times))
    for looked_at in (100, 200, 300):
        seen(place(KEYS), looked_at, 1000)
    assert capsys.readouterr().err == f"{KEYS}: 200 of 1000\n"


def test_on_a_terminal_there_are_bars(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress() as seen:
        for looked_at in (0, 7, 9):
            seen(place(KEYS), looked_at, 7)
    assert "9/9" in capsys.readouterr().err
