"""What goes to the dead letters, and what is read there again."""

import hashlib
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import MessageSizeTooLargeError

from shared.errors import TallygateError
from shared.events.topics import MAX_DEAD_LETTER_BYTES, REPLIES, REQUESTS
from shared.kafka.dead_letter_limit import DeadLetterLimitError
from shared.kafka.dead_letters.box import DeadLetterBox
from shared.kafka.dead_letters.letter import DeadLetter, DeadLetterId, dead_letter_sources
from shared.kafka.dead_letters.sending import send_to_dlq
from shared.kafka.local import LocalBroker, Produce, refused
from shared.kafka.publisher import Publisher
from shared.kafka.settings import KafkaSettings
from tests.unit.shared.kafka.records import record


class Bench:
    """A publisher, and what it put on the dead-letter topic."""

    def __init__(self, most: int = 0) -> None:
        settings = KafkaSettings.model_construct(bootstrap_servers="local", dead_letters_per_minute=most)
        self._broker = LocalBroker(settings=settings)
        self._publisher = Publisher(self._broker, "test")

    async def send(self, rejected: ConsumerRecord, reason: str = "why") -> None:
        await self._publisher.start()
        await send_to_dlq(self._publisher, rejected, "invalid_request", reason)

    def takes_at_most(self, size: int) -> None:
        """The broker's own limit, which may be lower than the client's."""
        self._broker.cluster.faults = lambda asked: (
            refused(MessageSizeTooLargeError())
            if isinstance(asked, Produce) and len(asked.value or b"") + len(asked.key or b"") > size
            else None
        )

    @property
    def sent(self) -> Sequence[ConsumerRecord]:
        return self._broker.cluster.records(REQUESTS.dlq)


async def test_a_message_goes_as_it_came_with_the_reason() -> None:
    bench = Bench()

    await bench.send(record(REQUESTS.name, headers=(("mine", b"kept"),)))

    [letter] = bench.sent
    assert (letter.key, letter.value) == (b"key", b"body")
    assert letter.headers == (
        ("mine", b"kept"),
        ("dlq_error_type", b"invalid_request"),
        ("dlq_reason", b"why"),
        ("dlq_topic", REQUESTS.name.encode()),
        ("dlq_partition", b"3"),
        ("dlq_offset", b"17"),
    )


async def test_a_message_of_nothing_can_be_sent_too() -> None:
    bench = Bench()

    await bench.send(record(REQUESTS.name, body=None, key=None))
    await bench.send(record(REQUESTS.name, body=None, key=b"k"))

    assert [letter.value for letter in bench.sent] == [b"", None]


async def test_a_long_reason_is_cut() -> None:
    bench = Bench()

    await bench.send(record(REQUESTS.name), "x" * 1_000_000)

    assert len(dict(bench.sent[0].headers)["dlq_reason"]) == 1000


async def test_what_is_over_the_limit_is_not_sent() -> None:
    bench = Bench(most=2)
    await bench.send(record(REQUESTS.name))
    await bench.send(record(REQUESTS.name))

    with pytest.raises(DeadLetterLimitError, match="after 2 within 60 s"):
        await bench.send(record(REQUESTS.name))

    assert len(bench.sent) == 2


def test_the_letter_tells_where_it_came_from_and_keeps_the_first_headers() -> None:
    # A stranger's message may bring headers of our names: they neither mislead nor are published again.
    headers = (
        ("mine", b"kept"),
        ("dlq_topic", b"model.secrets.v1"),
        ("dlq_partition", b"99"),
        ("dlq_replayed_from", b"inference.requests.v1.dlq:0:1"),
        ("dlq_error_type", b"invalid_request"),
        ("dlq_reason", b"why"),
        ("dlq_topic", REQUESTS.name.encode()),
        ("dlq_partition", b"5"),
        ("dlq_offset", b"42"),
    )

    letter = DeadLetter.of(record(REQUESTS.dlq, headers=headers))

    assert str(letter.id) == "inference.requests.v1.dlq:3:17"
    assert (letter.source, letter.source_partition, letter.source_offset) == (REQUESTS, 5, 42)
    assert (letter.error_type, letter.reason) == ("invalid_request", "why")
    assert letter.replayed_from == "inference.requests.v1.dlq:0:1"
    assert letter.replay_headers == [("mine", b"kept"), ("dlq_replayed_from", str(letter.id).encode())]


@pytest.mark.parametrize("place", [b"", b"-1", b"x", b"9" * 30, b"\xd9\xa1"])
def test_a_place_that_is_no_number_is_unknown(place: bytes) -> None:
    assert DeadLetter.of(record(REQUESTS.dlq, headers=(("dlq_partition", place),))).source_partition is None


def test_an_id_is_read_as_it_is_shown() -> None:
    shown = DeadLetterId(REQUESTS.dlq, 0, 42)
    assert DeadLetterId.parse(f" {shown} ") == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        REQUESTS.dlq,
        f"{REQUESTS.dlq}:0",
        f"{REQUESTS.dlq}:0:-1",
        f"{REQUESTS.dlq}:0:1:2",
        f"{REQUESTS.name}:0:1",
    ],
)
def test_what_is_no_id_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(TallygateError) as refused:
        DeadLetterId.parse(text)
    assert f"Ids look like {REQUESTS.dlq}:0:42." in refused.value.failure.tips


def test_a_topic_is_found_by_either_name() -> None:
    assert dead_letter_sources(REQUESTS.name) == dead_letter_sources(REQUESTS.dlq) == [REQUESTS]
    assert REPLIES not in dead_letter_sources()
    with pytest.raises(TallygateError) as refused:
        dead_letter_sources(REPLIES.name)
    assert REQUESTS.name in refused.value.failure.tips[0]


@pytest.mark.parametrize("topic_takes", [MAX_DEAD_LETTER_BYTES, 100_000])
async def test_of_a_message_that_is_too_large_the_dead_letter_says_what_it_does_not_hold(topic_takes: int) -> None:
    bench = Bench()
    body, key = b"b" * topic_takes, b"k" * 5000
    bench.takes_at_most(topic_takes)

    await bench.send(record(REQUESTS.name, body, key, headers=(("mine", b"kept"), ("large", b"x" * 100_000))))

    [sent] = bench.sent
    letter = DeadLetter.of(sent)
    assert (letter.body, letter.key, letter.headers) == (b"", None, (("mine", b"kept"),))
    assert (letter.source_partition, letter.source_offset, letter.reason) == (3, 17, "why")
    assert letter.left_out is not None
    for content in (body, key):
        assert f"{len(content)} bytes (sha256 {hashlib.sha256(content).hexdigest()})" in letter.left_out
    assert "1 of 2 headers" in letter.left_out


async def test_a_dead_letter_that_does_not_hold_the_message_is_not_replayed() -> None:
    bench = Bench()
    await bench.send(record(REQUESTS.name, b"b" * MAX_DEAD_LETTER_BYTES))
    letter = DeadLetter.of(bench.sent[0])

    nothing: Any = None  # neither consumer nor publisher is asked
    with pytest.raises(TallygateError, match="does not hold the whole message"):
        async for _ in DeadLetterBox(nothing, nothing, {}).replay([letter]):
            pass
