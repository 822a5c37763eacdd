from typing import Any

from services.monitor.errors.errors import told
from tests.unit.shared.events.samples import INFERENCE, NOW


def row(**more: object) -> dict[str, Any]:
    known: dict[str, Any] = {
        "error_type": "server_error", "model": "custom:m", "server_address": "h:80", "cause": "c1", "n": 7,
        "first_at": NOW, "last_at": NOW, "samples": [INFERENCE], "keys": {"k1": 3, "k2": 4},
        "error": {"detail": "HTTP 500", "tips": ["try later"]},
    }  # fmt: skip
    return known | more


def test_a_group_tells_what_it_is_who_met_it_and_what_to_do() -> None:
    [group] = told([row()])
    assert group == {
        "error_type": "server_error", "model": "custom:m", "endpoint": "h:80", "cause": "c1", "count": 7,
        "first_seen": NOW.isoformat(), "last_seen": NOW.isoformat(), "detail": "HTTP 500", "tips": ["try later"],
        "sample_inference_ids": [str(INFERENCE)], "keys": ["k2", "k1"], "more_keys": False,
    }  # fmt: skip


def test_a_key_that_is_not_known_is_not_named() -> None:
    assert told([row(keys={"": 4, "k1": 1})])[0]["keys"] == ["k1"]


def test_an_error_type_of_another_version_has_no_tips() -> None:
    [group] = told([row(error_type="of_tomorrow", error=None)])
    assert (group["detail"], group["tips"]) == (None, [])
