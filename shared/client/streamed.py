"""An answer that comes in pieces, as server-sent events."""

import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self

from shared.client.answer import Answer
from shared.client.problem import Problem, ProblemError
from shared.wire.reading.server_events import EventTooLargeError, ServerEvents

_READ_BYTES = 64 * 1024
_MAX_EVENT_BYTES = 64 * 2**20
_DONE = b"[DONE]"
_TOLD_STATUS = 500  # of an error that is told after a 200, and names no status itself


class Event(NamedTuple):
    """name: `message` when the gateway gave none. data: JSON; None for `[DONE]`. id: the last one that was told."""

    name: str
    data: Any
    id: str = ""


class Streamed:
    """A completion as it comes: iterating gives the data of its events, and returns only when it was whole.

    headers: by their lower-case names. Leaving its block ends the connection: the gateway is told that nobody reads on.
    """

    def __init__(self, response: http.client.HTTPResponse, asked: str) -> None:
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self._response = response
        self._asked = asked

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._response.close()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Raises ProblemError for an error that is told in the middle, and for a stream that does not say its end."""
        try:
            for event in events_of(self._response):
                if event.data is None:
                    return
                yield _unless_error(event, self._asked)
        except TimeoutError:
            raise _broken("nothing came any more") from None
        except (OSError, http.client.HTTPException) as error:
            raise _broken(str(error) or type(error).__name__) from None
        except (ValueError, EventTooLargeError) as error:
            raise _broken(f"it cannot be read: {error}") from None
        raise _broken("it ended without a word")


def events_of(response: http.client.HTTPResponse) -> Iterator[Event]:
    """As they come. Raises ValueError for data that is no JSON, EventTooLargeError, and what the connection raises."""
    events = ServerEvents(_MAX_EVENT_BYTES)
    while received := response.read1(_READ_BYTES):
        for name, data in events.read(received):
            told = None if data == _DONE else json.loads(data)
            yield Event(name.decode() or "message", told, events.last_id.decode(errors="replace"))


def problem_in(error: Any, asked: str) -> ProblemError:
    """error: as the gateway tells it in the middle of an answer, in either of its shapes."""
    status = error.get("status", _TOLD_STATUS) if isinstance(error, dict) else _TOLD_STATUS
    problem = Problem.parse(Answer(int(status), {}, json.dumps(error)))
    return ProblemError(problem or Problem("bad_response", f"{asked} was broken off by an error of unknown form"))


def _unless_error(event: Event, asked: str) -> dict[str, Any]:
    """The event's data. Chat tells an error as OpenAI does, in the place of a chunk; others by the event's name."""
    error = event.data.get("error") if isinstance(event.data, dict) else None
    if event.name == "error" or error is not None:
        raise problem_in(event.data if event.name == "error" else error, asked)
    if not isinstance(event.data, dict):
        raise ValueError("an event holds no object")  # noqa: TRY004 - it is what was sent that is wrong
    return event.data


def _broken(why: str) -> ProblemError:
    return ProblemError(Problem("stream_broken", f"the gateway's answer broke off: {why}"))
