"""docs/limits.md: every limit, with its setting, its default, and what the sender gets beyond it."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator

from pydantic import BaseModel

import services.gateway
from services.documents.bounds import bounds_of
from services.documents.fixed_limits import FIXED, Fixed
from services.documents.settings_classes import all_settings, default_of
from shared.errors.catalogue import CATALOGUE
from shared.events.ingress import ingress_topic
from shared.events.topics import TOPICS, Topic
from shared.settings import Beyond, allowed, beyond

_INGRESS = "<ingress topic>"

_HEAD = """\
# Limits

Nothing that others send is without a bound, and none of these defaults means "no limit". This page is made from the
code by `tallygate documents` (`services/documents/`), and `make check` holds the two together: settings tell what they
allow and what becomes of more, fields of events and bodies are listed from the models that read them.

A setting that is out of its range is refused at start, with its name, its value and what is allowed
([settings.md](settings.md)). A type is one of [errors.md](errors.md), with its HTTP status.

## Limits that are settings

"0: no limit" stands where an operator may switch a limit off; no default does.

| setting | default | range | what it bounds | beyond it |
|---|---|---|---|---|
"""

_FIXED_HEAD = """
## Limits that are not settings

| what | most | beyond it |
|---|---|---|
"""

_BODIES_HEAD = """
## Bodies and queries

A field beyond its bound is refused as `invalid_request` (400), which names the field and never repeats its value. The
whole body is within `TALLYGATE_MAX_BODY_BYTES`; "any JSON" is as large as that, and as deep as can be written again
(about 250 levels). Fields that are not listed in a chat body, or one of embeddings or of a ranking, are
passed on to the model.
"""

_EVENTS_HEAD = """
## Events

Whoever may write to a topic may send anything. What is no event of the topic, or has a field beyond its bound, stops
nothing: on a topic with dead letters it becomes one (`tallygate dlq list`), with the field's name and never its value;
on the others it is logged and passed over. Unknown fields are ignored. Texts hold no NUL.
"""


def limits_page() -> str:
    return "".join((_HEAD, *_settings(), _FIXED_HEAD, *_fixed(), _BODIES_HEAD, *_bodies(), _EVENTS_HEAD, *_events()))


def bodies() -> list[type[BaseModel]]:
    """What the gateway takes over HTTP: the models of every `schemas` module that are not part of another."""
    found = [
        kind
        for module in pkgutil.walk_packages(services.gateway.__path__, "services.gateway.")
        if module.name.endswith(".schemas")
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
        if kind.__module__ == module.name and issubclass(kind, BaseModel) and not kind.__name__.startswith("_")
    ]
    within = {name for kind in found for name in kind.model_json_schema().get("$defs", {})}
    return [kind for kind in found if kind.__name__ not in within]


def _settings() -> Iterator[str]:
    for setting in all_settings():
        if (mark := beyond(setting.field)) is not None:
            what, range_ = setting.field.description, allowed(setting.field)
            yield f"| `{setting.variable}` | {default_of(setting)} | {range_} | {what} | {_in_words(mark)} |\n"


def _fixed() -> Iterator[str]:
    for group, limits in FIXED.items():
        yield f"| **{group}** | | |\n"
        yield from (f"| {limit.what} | {_amount(limit)} | {_in_words(limit.beyond)} |\n" for limit in limits)


def _amount(limit: Fixed) -> str:
    most = f"{limit.most:,.12g}" if isinstance(limit.most, int | float) else f"`{limit.most}`"
    return f"{most} {limit.unit}".strip()


def _in_words(mark: Beyond) -> str:
    status = mark.http_status or (CATALOGUE[mark.error].http_status if mark.error else None)
    error = [f"`{mark.error}` ({status})"] if mark.error else []
    return "; ".join((*error, *([mark.words] if mark.words else ())))


def _bodies() -> Iterator[str]:
    for body in bodies():
        yield from _table(body.__name__, body, ())


def _events() -> Iterator[str]:
    for topic in (*TOPICS, ingress_topic(_INGRESS)):
        for kind in topic.events:
            title = kind.ce_type if topic.name != _INGRESS else f"{kind.ce_type}, of upstream services"
            yield from _table(title, kind, _where(topic))


def _where(topic: Topic) -> Iterable[str]:
    refused = "a dead letter" if topic.has_dlq else "logged and passed over"
    yield f"On `{topic.name}`, by {', '.join(topic.written_by)}. Beyond a bound: {refused}."


def _table(title: str, model: type[BaseModel], words: Iterable[str]) -> Iterator[str]:
    summary = inspect.cleandoc(model.__doc__ or "").partition("\n")[0] if model.__doc__ else ""
    yield f"\n### {title}\n\n"
    yield from (f"{line}\n\n" for line in (summary, *words) if line)
    yield "| field | bound |\n|---|---|\n"
    yield from (f"| `{bound.field}` | {bound.words} |\n" for bound in bounds_of(model))
