"""The invariants hold in every history; the same seed is the same history; what breaks one is said in few words."""

import subprocess
import sys
from dataclasses import replace

import pytest

from tests.histories.generating import make
from tests.histories.history import Expel, History, Kill, Request
from tests.histories.shrinking import shrunk
from tests.histories.trying import broken_by
from tests.support.scripted_transport import Answer

CHUNK = 100


@pytest.mark.parametrize("first", range(1, 2000, CHUNK))
def test_the_promise_is_kept(first: int) -> None:
    for seed in range(first, first + CHUNK):
        assert (broken := broken_by(seed)) is None, f"\n{broken}"


def test_a_seed_is_one_history_in_every_interpreter() -> None:
    """Also where hashes, and so the order of sets, are others."""
    command = [sys.executable, "-m", "tests.histories", "--trace", "1-30"]
    traces = [
        subprocess.run(command, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True) for seed in ("1", "2")
    ]
    assert traces[0].stdout == traces[1].stdout


def test_a_history_can_be_read() -> None:
    history = History(
        1, 2, 1, 0, (Request("r1", 1.0, 20.0, (Answer(0.5, "server_error"), Answer(None))),),
        (Kill("router-1", 1.0, 12, 3.0), Expel("router-2", 0.5)), 0.02,
    )  # fmt: skip
    assert str(history).splitlines() == [
        "2 routers, 1 monitors, 0 gateways, up to 20 ms for each answer",
        "  0.500 s  Expel(slot=router-2)",
        "  1.000 s  r1 is asked for (upstream), deadline 20.0 s: server_error after 0.50 s, then hangs",
        "  1.000 s  Kill(slot=router-1, steps=12, back_after_s=3.0)",
    ]


def test_what_a_failure_does_not_need_is_left_out() -> None:
    history = replace(make(1), faults=(Kill("router-1", 1.0, 0, 1.0), Expel("router-1", 2.0), Expel("router-1", 3.0)))
    small = shrunk(history, lambda one: any(fault == Expel("router-1", 2.0) for fault in one.faults))
    assert small.faults == (Expel("router-1", 2.0),)
    assert len(small.requests) == 1
