"""Every error that the driver knows means one thing."""

from operator import attrgetter

import asyncpg
import pytest
from starlette.requests import Request

from services.gateway.app import make_app as gateway_app
from services.gateway.edge import answer_to
from services.gateway.settings import GatewaySettings
from services.monitor.app import make_app as monitor_app
from services.monitor.settings import MonitorSettings
from shared.db.failures import _CLASSES, _CLIENT, RETRYABLE, advice, meaning, meaning_of_state, postgres_errors

WITHOUT_STATE = {asyncpg.exceptions.FatalPostgresError, asyncpg.exceptions.UnknownPostgresError}
NAME = attrgetter("__name__")
ERRORS = sorted(set(postgres_errors()) - WITHOUT_STATE, key=lambda error: error.__name__)


def test_every_class_of_the_driver_is_in_the_table_and_the_table_has_no_other() -> None:
    assert {str(error.sqlstate)[:2] for error in ERRORS} == set(_CLASSES)


@pytest.mark.parametrize("error", ERRORS, ids=NAME)
def test_what_except_catches_is_what_the_table_says(error: type[asyncpg.PostgresError]) -> None:
    """A class that is waited for must not have bad ones below it."""
    said = error("")
    said.constraint_name = "of_a_column"
    assert meaning(said) == meaning_of_state(error.sqlstate)
    assert issubclass(error, RETRYABLE) == (meaning_of_state(error.sqlstate) in {"wait", "stop"})


def test_every_error_that_the_driver_raises_by_itself_is_in_the_table() -> None:
    """But its own DataError, which asyncpg replaces by that of the server."""
    bases = (asyncpg.InterfaceError, asyncpg.InternalClientError)
    found = {kind for kind in vars(asyncpg.exceptions).values() if isinstance(kind, type) and issubclass(kind, bases)}
    assert found - {asyncpg.exceptions.InterfaceWarning} == set(_CLIENT)


@pytest.mark.parametrize("error", [error for error in ERRORS if meaning_of_state(error.sqlstate) == "stop"], ids=NAME)
def test_what_somebody_must_mend_says_how(error: type[asyncpg.PostgresError]) -> None:
    assert advice(error(""))


def test_a_row_without_a_partition_waits_for_the_partition() -> None:
    """The server says it with the SQLSTATE of a CHECK, of which the row would be bad."""
    missing = asyncpg.CheckViolationError('no partition of relation "attempts" found for row')
    broken = asyncpg.CheckViolationError("violates check constraint")
    broken.constraint_name = "attempts_cost_check"
    assert (meaning(missing), meaning(broken)) == ("wait", "bad")


@pytest.mark.parametrize(
    ("error", "means"),
    [
        (asyncpg.ReadOnlySQLTransactionError(""), "wait"),
        (asyncpg.InvalidCachedStatementError(""), "wait"),
        (asyncpg.UndefinedTableError(""), "stop"),
        (asyncpg.InvalidPasswordError(""), "stop"),
        (asyncpg.SequenceGeneratorLimitExceededError(""), "stop"),
        (asyncpg.IndexCorruptedError(""), "stop"),
        (asyncpg.InterfaceError("the connection is closed"), "wait"),
        (TimeoutError(), "wait"),
        (asyncpg.UniqueViolationError(""), "bad"),
        (asyncpg.UntranslatableCharacterError(""), "bad"),
        (ValueError(), "bad"),
        (OverflowError(), "bad"),
        (asyncpg.exceptions.UnknownPostgresError(""), "unforeseen"),
        (asyncpg.CardinalityViolationError(""), "unforeseen"),
        (asyncpg.ProgramLimitExceededError(""), "bad"),
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
        assert handler.__name__ in {"on_expected", "on_unavailable"}
    request = Request({"type": "http", "method": "GET", "path": "/", "headers": []})
    told = answer_to(request, error())
    assert told is not None
    assert told.status_code == 503
