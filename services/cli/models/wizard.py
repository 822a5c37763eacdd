"""`tallygate models add` without arguments: ask, show, set up, and ask again until it is right or given up."""

from dataclasses import replace

import questionary

from services.cli.models.calls import register, set_up
from services.cli.models.form import ModelForm
from services.cli.models.views import model_details, tested_text
from services.cli.models.wizard_endpoint import LeftError, ask_endpoint
from services.cli.models.wizard_questions import ask_model
from services.cli.output import err, out, say
from services.cli.problem import report_problem
from shared.client import Client, ProblemError


def run_wizard(client: Client, form: ModelForm, *, no_test: bool) -> None:
    """Ctrl-C ends it at any time; the gateway stores nothing before the model has answered."""
    try:
        while True:
            form, listed = ask_endpoint(client, form)
            form = ask_model(form, listed)
            if _confirmed(form) and _settled(client, form, no_test=no_test):
                return
    except LeftError:
        say("Nothing was stored.", "dim")


def _confirmed(form: ModelForm) -> bool:
    shown = replace(form, api_key="given" if form.api_key else None)
    err().print(model_details(shown.body()))
    choices = [questionary.Choice("Set it up", "yes"), *_change_or_leave()]
    return _chosen("All right?", choices) == "yes"


def _settled(client: Client, form: ModelForm, *, no_test: bool) -> bool:
    """Whether it is settled; False when the user wants to change the answers."""
    try:
        if no_test:
            _say_active(str(register(client, form.untested_body(), is_active=True)["id"]))
            return True
        done = set_up(client, form.answered_body())
    except ProblemError as error:
        report_problem(error.problem)
        return _after_failure(client, form)
    model_id = str(done["model"]["id"])
    out().print(tested_text(done | {"model": model_id}))
    _say_active(model_id)
    return True


def _after_failure(client: Client, form: ModelForm) -> bool:
    change, leave = _change_or_leave()
    if _chosen("What now?", [change, questionary.Choice("Keep it, inactive", "keep"), leave]) != "keep":
        return False
    try:
        model_id = register(client, form.untested_body(), is_active=False)["id"]
    except ProblemError as error:
        report_problem(error.problem)
        return False
    say(f"{model_id} is kept, inactive. When it works: tallygate models activate {model_id}")
    return True


def _change_or_leave() -> tuple[questionary.Choice, questionary.Choice]:
    return questionary.Choice("Change your answers", "edit"), questionary.Choice("Leave", "leave")


def _chosen(question: str, choices: list[questionary.Choice]) -> str:
    """Raises LeftError."""
    choice: str = questionary.select(question, choices=choices).unsafe_ask()
    if choice == "leave":
        raise LeftError
    return choice


def _say_active(model_id: str) -> None:
    say(f"✓ {model_id} is active.", "green")
    say(f'  Use it: tallygate chat --model {model_id} "Hello"', "dim")
