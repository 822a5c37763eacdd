"""The questions of the wizard. What was answered before is offered again."""

import re
from collections.abc import Callable
from dataclasses import replace

import questionary

from services.cli.endpoint_models import models_at_endpoint
from services.cli.model_form import ModelForm, Provider

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LISTED_AT_MOST = 20  # more is not a list to look through but one to search in
_OTHER = "another one ..."


def ask_form(form: ModelForm) -> ModelForm:
    """Raises KeyboardInterrupt when the user leaves."""
    form = replace(form, model_id=_text("Id of the model here:", form.model_id, _id_problem))
    form = replace(form, endpoint_url=_text("Endpoint URL:", form.endpoint_url or "http://", _url_problem))
    form = replace(form, provider=_provider(form.provider))
    form = replace(form, api_key=_api_key(form.api_key))
    form = replace(form, model=_model(form))
    return _price(form)


def _text(question: str, default: str | None, problem: Callable[[str], str | None]) -> str:
    def validate(text: str) -> bool | str:
        return problem(text.strip()) or True

    answer: str = questionary.text(question, default=default or "", validate=validate).unsafe_ask()
    return answer.strip()


def _provider(default: Provider) -> Provider:
    choices = [one.value for one in Provider]
    return Provider(questionary.select("What does it speak?", choices=choices, default=default.value).unsafe_ask())


def _api_key(before: str | None) -> str | None:
    question = "API key (empty: keep the one you gave):" if before else "API key (empty: none):"
    return questionary.password(question).unsafe_ask().strip() or before


def _model(form: ModelForm) -> str | None:
    question = "Name of the model at the endpoint:"
    listed = models_at_endpoint(form)
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
    return _text(question, form.model or form.model_id, lambda _: None) or None


def _price(form: ModelForm) -> ModelForm:
    given = _text("USD per million input tokens (empty: unknown):", _number(form.input_price), _price_problem)
    if not given:
        return replace(form, input_price=None, output_price=None)
    output = _text(
        "USD per million output tokens:", _number(form.output_price), lambda text: _price_problem(text or "?")
    )
    return replace(form, input_price=float(given), output_price=float(output))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _id_problem(text: str) -> str | None:
    return None if _ID.fullmatch(text) else "Letters, digits, '.', '_' and '-'; for example my-model."


def _url_problem(text: str) -> str | None:
    return None if re.fullmatch(r"https?://[^\s/]+.*", text) else "It looks like http://host:8080/v1."


def _price_problem(text: str) -> str | None:
    return None if re.fullmatch(r"(\d+(\.\d*)?|\.\d+)?", text) else "A number like 0.25."
