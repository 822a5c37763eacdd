from typing import Any

from tests.support.stub_gateway import StubGateway
from tests.unit.cli.conftest import Run

SIDE: dict[str, Any] = {
    "completed": 4, "failed": 0, "by_error_type": {}, "average_s": 2.0, "p50_s": 1.5, "p95_s": 4.0,
    "first_chunk_p50_s": 0.25, "first_chunk_p95_s": None, "cost_usd": 0.25,
    "input_tokens": 1200, "output_tokens": 90,
}  # fmt: skip
NO_TIMES = {"p50_s": None, "p95_s": None, "first_chunk_p50_s": None}
WORSE = SIDE | NO_TIMES | {"completed": 3, "failed": 1, "by_error_type": {"rate_limited": 1}}
TOLD = {"from": "", "to": "", "as_of": "", "lag_s": 0.0}
GROUP = {"model": "custom:old", "shadow_model": "custom:new", "pairs": 4, "original": SIDE, "shadow": WORSE}


def test_a_model_is_put_on_trial_and_taken_off(gateway: StubGateway, run: Run) -> None:
    gateway.answers["PUT /api/shadow"] = (200, {"model": "custom:new", "share": 0.05})
    gateway.answers["DELETE /api/shadow"] = (204, None)
    assert "copies of 5 % of your chats" in run("shadow", "set", "custom:new", "--share", "0.05").stdout
    assert gateway.asked[0].body == {"model": "custom:new", "share": 0.05}
    assert "no model gets copies" in run("shadow", "off").stdout
    capped = {"model": "custom:new", "share": 0.05, "usd_per_day": 5.0, "usd_today": 1.25}
    gateway.answers["PUT /api/shadow"] = (200, capped)
    assert "1.2500 of 5 USD" in run("shadow", "set", "custom:new", "--share", "0.05", "--usd-per-day", "5").stdout


def test_copies_are_shown_beside_their_requests(gateway: StubGateway, run: Run) -> None:
    gateway.answers["GET /api/shadow"] = (200, {"model": "custom:new", "share": 0.05})
    gateway.answers["GET /api/monitoring/shadows?window=24h"] = (200, TOLD | {"groups": [GROUP], "not_made": 7})
    gateway.answers["GET /api/monitoring/shadows?window=1h"] = (200, TOLD | {"groups": [], "not_made": 0})
    lines = [" ".join(line.split()) for line in run("shadow", "show").stdout.splitlines()]
    assert "custom:old 4 4 1.50 4.00 0.25 0.2500 1,200 90" in lines
    assert "copies to custom:new 4 3 - - - 0.2500 1,200 90 1 rate_limited" in lines
    assert "7 copies were not made" in lines
    assert "No copy has ended" in run("shadow", "show", "--window", "1h").stdout
