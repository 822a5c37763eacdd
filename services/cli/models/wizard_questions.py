"""The wizard's questions about the model itself. What was answered before, or is known of it, is offered."""

import re
from dataclasses import replace
from typing import Any

import questionary
from pydantic import TypeAdapter, ValidationError

from services.cli.models.form import ModelForm
from services.cli.prompts import ask_number, ask_text
from shared.registry.definition import ModelId
from shared.registry.models import Price
from shared.registry.prices import model_facts

_ID: TypeAdapter[str] = TypeAdapter(ModelId)
_LISTED_AT_MOST = 20  # a longer list is hard to look through
_OTHER = "another one ..."


def ask_model(form: ModelForm, listed: list[dict[str, Any]]) -> ModelForm:
    """`listed`: the models at the endpoint. Raises KeyboardInterrupt when the user leaves."""
    name = _ask_name(form, [model["name"] for model in listed])
    if form.model not in (None, name):  # the answers about another model do not hold for this one
        form = replace(form, context_window=None, input_price=None, output_price=None)
    form = replace(form, model=name)
    form = replace(form, model_id=ask_text("Id of the model here:", form.model_id or _id_of(form), _id_problem))
    facts = model_facts(form.preset or "", form.model or "", form.endpoint_url)
    listed_window = next((model["context_window"] for model in listed if model["name"] == form.model), None)
    form = _ask_limits(form, form.context_window or listed_window or facts.context_window)
    return _ask_price(form, facts.price)


def _ask_name(form: ModelForm, listed: list[str]) -> str | None:
    question = "Name of the model at the endpoint:"
    if 0 < len(listed) <= _LISTED_AT_MOST:
        default = form.model if form.model in listed else None
        chosen: str = questionary.select(question, choices=[*listed, _OTHER], default=default).unsafe_ask()
        if chosen != _OTHER:
            return chosen
    elif listed:
        answer: str = questionary.autocomplete(
            f"{question} (Tab shows the {len(listed)} it lists)",
            choices=listed,
            default=form.model or "",
            match_middle=True,
        ).unsafe_ask()
        return answer.strip() or None
    return ask_text(question, form.model or form.model_id, lambda _: None) or None


def _ask_limits(form: ModelForm, context_window: int | None) -> ModelForm:
    window = ask_number("Context window in tokens (empty: unknown):", context_window, whole=True)
    at_once = ask_number("Calls at the same time (empty: no limit):", form.max_concurrency, whole=True)
    timeout_s = ask_number("Seconds for a whole answer (empty: 60):", form.timeout_s)
    return replace(
        form,
        context_window=int(window) if window else None,
        max_concurrency=int(at_once) if at_once else None,
        timeout_s=timeout_s or None,
    )


def _ask_price(form: ModelForm, known: Price | None) -> ModelForm:
    if known is not None and form.input_price is None:
        form = replace(form, input_price=known.input_per_mtok_usd, output_price=known.output_per_mtok_usd)
    given = ask_number("USD per million input tokens (empty: unknown):", form.input_price)
    if given is None:
        return replace(form, input_price=None, output_price=None)
    output = ask_number("USD per million output tokens (empty: 0):", form.output_price)
    return replace(form, input_price=given, output_price=output or 0.0)


def _id_of(form: ModelForm) -> str:
    """An id that the model's name at the endpoint suggests."""
    name = (form.model or "").rpartition("/")[2]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:100]


def _id_problem(text: str) -> str | None:
    try:
        _ID.validate_python(text)
    except ValidationError as error:
        reserved = error.errors()[0]["type"] == "reserved"
        return "This id is reserved." if reserved else "Letters, digits, '.', '_' and '-'; for example my-model."
    return None
