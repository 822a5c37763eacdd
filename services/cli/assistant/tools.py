"""What an assistant may ask, and what it is told: each tool asks the gateway with the key that it was given."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from pydantic import ValidationError

from services.cli.assistant.pages import Body, first_of, fits, page_of, shortened
from services.cli.assistant.questions import (
    OfErrors,
    OfHealth,
    OfInference,
    OfInferences,
    OfSeries,
    OfSpan,
    OfSpending,
    OfSums,
    Question,
)
from services.cli.problem import refused
from shared.client import Client, in_path
from shared.client.requests import ERRORS, HEALTH, INFERENCES, SUMMARY, TIMESERIES

_CONTENT = ("result",)
_COUNTED = 30  # models and endpoints of a summary, candidates of an inference
_MODELS = 15  # of which a page of health tells how they are
# Nothing is to be open for longer: a deadline is an hour at most (TALLYGATE_MAX_DEADLINE_S), and a minute after it the
# monitor settles what is open.
_OVERDUE = timedelta(hours=2)
_LOOKED_BACK = timedelta(days=30)
_BESIDES = (
    "Overdue is what has been open for 2 hours or more; where TALLYGATE_MAX_DEADLINE_S is longer it may still be in "
    "time. Whether topics, books and endpoints say the same is for operators to see: tallygate audit"
)


class Asking(NamedTuple):
    """content: whether answers of models may be told."""

    client: Client
    content: bool = False


class Tool(NamedTuple):
    name: str
    description: str
    question: type[Question]
    answer: Callable[[Asking, Any], Body]


def summary(asking: Asking, asked: OfSums) -> Body:
    body: Body = asking.client.get(SUMMARY, **asked.query()).body
    requests = body["requests"]
    by_model = dict(sorted(requests["by_model"].items(), key=lambda item: -item[1]["total"]))
    shown = first_of(first_of(requests | {"by_model": by_model}, "by_model", _COUNTED), "by_endpoint", _COUNTED)
    return shortened(body | {"requests": shown}, "errors")


def spending(asking: Asking, asked: OfSpending) -> Body:
    body = asking.client.get(TIMESERIES, **asked.query(measure="cost")).body
    series = [one | {"usd": round(sum(value or 0.0 for value in one["values"]), 6)} for one in _compact(body["series"])]
    series.sort(key=lambda one: -one["usd"])
    total = round(sum(one["usd"] for one in series), 6)
    return page_of(body | {"total_usd": total, "series": series}, "series", asked.cursor)


def timeseries(asking: Asking, asked: OfSeries) -> Body:
    body = asking.client.get(TIMESERIES, **asked.query()).body
    return page_of(body | {"series": _compact(body["series"])}, "series", asked.cursor)


def errors(asking: Asking, asked: OfErrors) -> Body:
    return page_of(asking.client.get(ERRORS, **asked.query()).body, "groups", asked.cursor)


def health(asking: Asking, asked: OfHealth) -> Body:
    """Those that are not well come first: how each of thousands is cannot stand on one page."""

    def shaped(body: Body) -> Body:
        models = sorted(body["models"], key=lambda model: model["status"] == "healthy")
        return first_of(first_of(body | {"models": models}, "models", _MODELS), "at_from", _MODELS)

    return _listed(asking, HEALTH, asked, shaped)


def list_inferences(asking: Asking, asked: OfInferences) -> Body:
    return _listed(asking, INFERENCES, asked)


def show_inference(asking: Asking, asked: OfInference) -> Body:
    body: Body = asking.client.get(f"{INFERENCES}/{in_path(str(asked.inference_id))}").body
    if not asking.content:
        body = {name: value for name, value in body.items() if name not in _CONTENT}
    return page_of(first_of(body, "candidates", _COUNTED), "attempts", asked.cursor)


def balance(asking: Asking, asked: OfSpan) -> Body:
    now = datetime.now(UTC)
    summed: Body = asking.client.get(SUMMARY, **asked.query()).body
    long_ago = {"from": (now - _LOOKED_BACK).isoformat(), "to": (now - _OVERDUE).isoformat()}
    overdue = [
        item["inference_id"]
        for state in ("accepted", "running")
        for item in asking.client.get(INFERENCES, **long_ago, state=state, limit="50").body["items"]
    ]
    requests, attempts = summed["requests"], summed["attempts"]
    return {
        "settled": {name: requests[name] for name in ("total", "succeeded", "failed", "rejected")},
        "attempts": {name: attempts[name] for name in ("total", "succeeded", "failed", "open")},
        "overdue": overdue,
        "sound": not overdue,
        "besides": _BESIDES,
        **{name: summed[name] for name in ("from", "to", "as_of", "lag_s")},
    }


def _listed(
    asking: Asking, path: str, asked: OfHealth | OfInferences, shaped: Callable[[Body], Body] = lambda body: body
) -> Body:
    """A page of a list that the gateway pages: fewer are asked for until they fit."""
    limit = asked.limit
    cursor = {} if asked.cursor is None else {"cursor": asked.cursor}
    while True:
        body = shaped(asking.client.get(path, **asked.query(limit=str(limit), **cursor)).body)
        if fits(body) or limit == 1:
            return body
        limit = max(1, limit // 2)


def _compact(series: list[Body]) -> list[Body]:
    """A value for each step: their times follow from the first one."""
    return [
        {"group": one["group"], "first_at": next(iter(one["points"]), [None])[0]}
        | {"values": [value for _, value in one["points"]]}
        for one in series
    ]


TOOLS = (
    Tool(
        "summary",
        "Sums of a span: requests by outcome, model, endpoint and error type, calls, speed (percentiles), costs and "
        "savings, health, and the last errors with tips.",
        OfSums,
        summary,
    ),
    Tool("spending", "What was spent in a span, in US dollars: in all, by group, and over time.", OfSpending, spending),
    Tool(
        "timeseries",
        "One measure over time, a series for each group: `values`, one for each `step` from `first_at` on; null where "
        "a percentile is of nothing.",
        OfSeries,
        timeseries,
    ),
    Tool(
        "errors",
        "What failed in a span, grouped by type, model, endpoint and cause: how often, first and last seen, what to do "
        "about it, and ids of inferences to look at.",
        OfErrors,
        errors,
    ),
    Tool("health", "How models are now, and each change of it in a span with its reason.", OfHealth, health),
    Tool(
        "list_inferences",
        "Inferences, newest first, by state, model, error type, operation, key, session or tag. A page may be empty "
        "and go on: looked_to says how far back was looked.",
        OfInferences,
        list_inferences,
    ),
    Tool(
        "show_inference",
        "The timeline of one inference: who was considered and why, every call of a model, every error, how it ended.",
        OfInference,
        show_inference,
    ),
    Tool(
        "balance",
        "Whether what was accepted was settled, as far as the books of this tenant say: what is open long after every "
        "deadline is overdue, and a fault of Tallygate.",
        OfSpan,
        balance,
    ),
)
_TOOLS = {tool.name: tool for tool in TOOLS}


def answer(asking: Asking, name: str, arguments: dict[str, Any]) -> Body:
    """Of the tool of that name. Raises ProblemError, which says what to do."""
    tool = _TOOLS.get(name)
    if tool is None:
        raise refused(f"there is no tool {name!r:.80}", f"There are: {', '.join(_TOOLS)}")
    try:
        asked = tool.question.model_validate(arguments)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, one['loc'])) or 'arguments'}: {one['msg']}" for one in error.errors()]
        fields = ", ".join(field.alias or name for name, field in tool.question.model_fields.items())
        raise refused("; ".join(wrong), f"It takes: {fields}") from None
    return tool.answer(asking, asked)
