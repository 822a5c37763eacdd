"""A service without a needed setting says which, and stops."""

import os

import pytest

from tests.support.command import run_here

_GIVEN = {
    "KAFKA_BOOTSTRAP_SERVERS": "localhost:1",
    "DATABASE_URL": "postgresql://nobody@localhost:1/nothing",
    "TALLYGATE_KEYS": "k1:" + "A" * 43 + "=",
    "PATH": os.defpath,
}


@pytest.mark.parametrize(
    ("service", "missing", "sentence"),
    [
        ("gateway", "TALLYGATE_KEYS", "tallygate secrets new-key"),
        ("router", "TALLYGATE_KEYS", "tallygate secrets new-key"),
        ("gateway", "DATABASE_URL", "DATABASE_URL is not set"),
        ("router", "KAFKA_BOOTSTRAP_SERVERS", "KAFKA_BOOTSTRAP_SERVERS is not set"),
        ("monitor", "DATABASE_URL", "DATABASE_URL is not set"),
    ],
)
def test_a_service_without_a_needed_setting_says_which_and_stops(service: str, missing: str, sentence: str) -> None:
    done = run_here(("serve", service), {name: value for name, value in _GIVEN.items() if name != missing})

    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
