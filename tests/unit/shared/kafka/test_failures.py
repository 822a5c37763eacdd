"""Every error that the broker or its client knows means one thing."""

from collections.abc import Iterator
from operator import attrgetter

import pytest
from aiokafka import errors

from shared.kafka.failures import MEANINGS, advice, meaning

# Those that are no KafkaError, and the classes of what a broker may answer, which stand for nothing by themselves.
_BESIDE = {errors.ConsumerStoppedError, errors.IllegalOperation}
_PARENTS = {errors.BrokerResponseError, errors.KafkaProtocolError}


def kafka_errors(base: type[Exception] = errors.KafkaError) -> Iterator[type[Exception]]:
    for error in base.__subclasses__():
        if error.__module__ == errors.__name__:
            yield error
            yield from kafka_errors(error)


def test_every_class_of_the_client_is_in_the_table_and_the_table_has_no_other() -> None:
    assert {*kafka_errors(), *_BESIDE} == set(MEANINGS)


@pytest.mark.parametrize("error", sorted(MEANINGS, key=attrgetter("__name__")), ids=attrgetter("__name__"))
def test_except_agrees_with_the_table_and_what_somebody_must_mend_says_how(error: type[Exception]) -> None:
    above = [MEANINGS[kind] for kind in error.__mro__[1:] if kind in MEANINGS and kind not in _PARENTS]
    assert set(above) <= {MEANINGS[error]}
    assert meaning(error()) == MEANINGS[error]
    assert MEANINGS[error] != "stop" or advice(error())


def test_what_the_client_has_no_name_for_is_waited_for() -> None:
    assert meaning(errors.for_code(9999)()) == meaning(errors.KafkaError()) == meaning(TimeoutError()) == "wait"
