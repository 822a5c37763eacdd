"""The wizard's first questions: where the model is, with which key, and what the gateway finds there."""

import re
from dataclasses import replace
from typing import Any

import questionary

from services.cli.models.calls import presets, probe
from services.cli.models.form import ModelForm, Provider
from services.cli.output import say
from services.cli.problem import report_problem
from services.cli.prompts import ask_text
from shared.client import Client, Problem, ProblemError

_ELSEWHERE = "another endpoint"


class LeftError(Exception):
    """The user does not want to go on."""


def ask_endpoint(client: Client, form: ModelForm) -> tuple[ModelForm, list[dict[str, Any]]]:
    """The form with endpoint, key and provider, and the models that the endpoint lists. Raises LeftError."""
    if form.endpoint_url is None:
        form = _ask_preset(client, form)
    while True:
        form = _elsewhere(form, ask_text("Endpoint URL:", form.endpoint_url or "http://", _url_problem))
        form = replace(form, api_key=_ask_key(form.api_key))
        found = _probed(client, form)
        if found is not None and found["ok"]:
            return replace(form, provider=_provider(form, found)), found["models"]
        choice = _after_failure()
        if choice == "leave":
            raise LeftError
        if choice == "on":
            return replace(form, provider=_ask_provider(form.provider)), []


def _ask_preset(client: Client, form: ModelForm) -> ModelForm:
    known = presets(client)
    choices = [questionary.Choice(f"{preset['title']}  {preset['endpoint_url']}", preset) for preset in known]
    chosen = questionary.select("Where is the model?", choices=[*choices, _ELSEWHERE]).unsafe_ask()
    if chosen == _ELSEWHERE:
        return form
    for hint in (chosen["hint"], chosen["key_from"] and f"Keys are made at {chosen['key_from']}"):
        if hint:
            say(f"  {hint}", "dim")
    return form.with_preset(chosen)


def _elsewhere(form: ModelForm, endpoint_url: str) -> ModelForm:
    """The form with this endpoint. A provider found by a probe of another endpoint is dropped; a preset's stays."""
    known = form.provider if form.preset or form.endpoint_url in (None, endpoint_url) else None
    return replace(form, endpoint_url=endpoint_url, provider=known)


def _ask_key(before: str | None) -> str | None:
    question = "API key (empty: keep the one you gave):" if before else "API key (empty: none):"
    return questionary.password(question).unsafe_ask().strip() or before


def _probed(client: Client, form: ModelForm) -> dict[str, Any] | None:
    """None when the gateway could not be asked."""
    try:
        found = probe(client, form.probe_body())
    except ProblemError as error:
        report_problem(error.problem)
        return None
    for step in found["steps"]:
        if (why := step["error"]) is not None:
            report_problem(Problem(why["error_type"], why["detail"], tuple(why["tips"])))
    return found


def _provider(form: ModelForm, found: dict[str, Any]) -> Provider:
    if form.provider is not None:
        return form.provider
    spoken = Provider(found["provider"])
    if found["provider_assumed"]:
        return _ask_provider(spoken)
    say(f"  It is {spoken.value}.", "dim")
    return spoken


def _ask_provider(default: Provider | None) -> Provider:
    choices = [provider.value for provider in Provider]
    chosen = questionary.select("What does it speak?", choices=choices, default=(default or Provider.OPENAI).value)
    return Provider(chosen.unsafe_ask())


def _after_failure() -> str:
    choices = [
        questionary.Choice("Change your answers", "edit"),
        questionary.Choice("Go on all the same, for example to keep it inactive", "on"),
        questionary.Choice("Leave", "leave"),
    ]
    choice: str = questionary.select("What now?", choices=choices).unsafe_ask()
    return choice


def _url_problem(text: str) -> str | None:
    return None if re.fullmatch(r"https?://[^\s/]+.*", text) else "It looks like http://host:8080/v1."
