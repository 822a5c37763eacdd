"""Every error that the driver knows means one thing."""

import asyncpg
import pytest

from services.gateway.app import make_app as gateway_app
from services.gateway.settings import GatewaySettings
from services.monitor.app import make_app as monitor_app
from services.monitor.settings import MonitorSettings
from shared.db.failures import _CLASSES, RETRYABLE, meaning, meaning_of_state, postgres_errors

WITHOUT_STATE = {asyncpg.exceptions.FatalPostgresError, asyncpg.exceptions.UnknownPostgresError}
ERRORS = sorted(set(postgres_errors()) - WITHOUT_STATE, key=lambda error: error.__name__)


def test_every_class_of_the_driver_is_in_the_table_and_the_table_has_no_other() -> None:
    assert {str(error.sqlstate)[:2] for error in ERRORS} == set(_CLASSES)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_what_except_catches_is_what_the_table_says(error: type[asyncpg.PostgresError]) -> None:
    """A class that waits must not have bad ones below it."""
    assert meaning(error("")) == meaning_of_state(error.sqlstate)
    assert issubclass(error, RETRYABLE) == (meaning_of_state(error.sqlstate) == "wait")


@pytest.mark.parametrize(
    ("error", "means"),
    [
        (asyncpg.ReadOnlySQLTransactionError(""), "wait"),
        (asyncpg.InvalidCachedStatementError(""), "wait"),
        (asyncpg.UndefinedTableError(""), "wait"),
        (asyncpg.InvalidPasswordError(""), "wait"),
        (asyncpg.SequenceGeneratorLimitExceededError(""), "wait"),
        (asyncpg.InterfaceError("the connection is closed"), "wait"),
        (TimeoutError(), "wait"),
        (asyncpg.UniqueViolationError(""), "bad"),
        (asyncpg.UntranslatableCharacterError(""), "bad"),
        (ValueError(), "bad"),
        (OverflowError(), "bad"),
        (asyncpg.exceptions.UnknownPostgresError(""), "unforeseen"),
        (asyncpg.CardinalityViolationError(""), "unforeseen"),
        (asyncpg.ProgramLimitExceededError(""), "unforeseen"),
        (KeyError(), "unforeseen"),
        (AssertionError(), "unforeseen"),
    ],
)
def test_examples(error: Exception, means: str) -> None:
    assert meaning(error) == means


@pytest.mark.parametrize("error", [asyncpg.ReadOnlySQLTransactionError, asyncpg.DiskFullError, ConnectionRefusedError])
def test_a_caller_is_told_to_come_again_while_the_database_cannot(error: type[Exception]) -> None:
    gateway = gateway_app(GatewaySettings()).exception_handlers
    monitor = monitor_app(MonitorSettings()).exception_handlers
    for handlers in (gateway, monitor):
        handler = next(handlers[kind] for kind in error.__mro__ if kind in handlers)
        assert handler.__name__ in {"on_database_unavailable", "on_unavailable"}
