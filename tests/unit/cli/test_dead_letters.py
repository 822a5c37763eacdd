import json
from datetime import UTC, datetime

import pytest

from services.cli.dead_letters.views import in_full, listed, shown
from services.cli.output import out
from shared.events.topics import REQUESTS
from shared.kafka.dead_letters.letter import DeadLetter, DeadLetterId, in_short
from tests.unit.cli.conftest import Run

LETTER = DeadLetter(
    id=DeadLetterId(REQUESTS.dlq, 0, 42),
    at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    error_type="invalid_request",
    reason="not an InferenceRequested: [red]\x1b[31mbody",
    source=REQUESTS,
    source_partition=7,
    source_offset=99,
    replayed_from=None,
    headers=(("mine", b"kept"), ("empty", None)),
    key=b"\x01\x02",
    body=b"opensesame",
    size=10,
)


def test_the_body_is_there_only_when_asked_for() -> None:
    assert "opensesame" not in json.dumps([in_short(LETTER), in_full(LETTER, with_body=False)])
    assert in_full(LETTER, with_body=True)["body"] == "opensesame"


@pytest.mark.parametrize("body", [b"\xff\xfe", b"\x00\xc3"])
def test_a_body_that_is_not_text_is_base64(body: bytes) -> None:
    letter = DeadLetter(**{name: getattr(LETTER, name) for name in LETTER.__slots__} | {"body": body})
    shown = in_full(letter, with_body=True)
    assert "body" not in shown
    assert shown["body_base64"]


def test_what_was_sent_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    topic = {"topic": REQUESTS.name, "dlq": REQUESTS.dlq, "count": 2, "entries": [in_short(LETTER)]}
    out().print(listed({"topics": [topic]}))
    out().print(shown(in_full(LETTER, with_body=True)))

    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert r"[red]\x1b[31mbody" in printed
    assert f"{REQUESTS.dlq}  2, the newest 1:" in printed
    assert "partition 7, offset 99" in printed
    assert "0102" in printed


@pytest.mark.parametrize(
    "arguments",
    [(), ("--all",), ("--topic", REQUESTS.name), (str(LETTER.id), "--all"), (str(LETTER.id), "--topic", REQUESTS.name)],
)
def test_which_to_replay_must_be_said(run: Run, arguments: tuple[str, ...]) -> None:
    done = run("dlq", "replay", *arguments, "--yes")

    assert done.exit_code == 1
    assert "say which dead letters" in done.stderr


def test_nothing_is_replayed_unasked(run: Run) -> None:
    done = run("dlq", "replay", str(LETTER.id), "--json")

    assert done.exit_code == 1
    assert "add --yes" in done.stderr
    assert json.loads(done.stdout)["error_type"] == "invalid_request"


def test_what_there_is_not_is_said_before_the_broker_is_asked(run: Run) -> None:
    assert "is not the id of a dead letter" in run("dlq", "show", "nonsense").stderr
    assert "has no dead letters" in run("dlq", "list", "--topic", "nonsense").stderr
