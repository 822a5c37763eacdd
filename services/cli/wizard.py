"""`tallygate models add` without arguments: ask, register, test, and ask again until it is right or taken back."""

from typing import Literal

import questionary

from services.cli.client import Client
from services.cli.model_form import ModelForm
from services.cli.model_views import tested_text
from services.cli.output import out, say
from services.cli.problem import ProblemError, tell
from services.cli.registration import Registration, register_untested, registered
from services.cli.wizard_questions import ask_form

_Next = Literal["done", "edit"]


def run_wizard(client: Client, form: ModelForm, *, no_test: bool) -> None:
    """Ctrl-C at any question ends it, and takes back what was registered."""
    while True:
        form = ask_form(form)
        try:
            if no_test:
                _say_active(register_untested(client, form.body())["id"])
                return
            if _register(client, form) == "done":
                return
        except ProblemError as error:
            # The gateway refused what was entered: say why and let it be corrected.
            tell(error.problem)
            if not questionary.confirm("Change your answers?", default=True).unsafe_ask():
                return


def _register(client: Client, form: ModelForm) -> _Next:
    with registered(client, form.body()) as registration:
        say(f"Registered {registration.id}; testing it with a real completion ...", "dim")
        try:
            test = registration.test()
        except ProblemError as error:
            tell(error.problem)
            return _after_failure(registration)
        out().print(tested_text(test))
        registration.activate()
        _say_active(registration.id)
    return "done"


def _after_failure(registration: Registration) -> _Next:
    choice = questionary.select(
        f"{registration.id} did not pass its test. What now?",
        choices=[
            questionary.Choice("Change the answers and try again", "edit"),
            questionary.Choice("Keep it, inactive", "keep"),
            questionary.Choice("Remove it", "remove"),
        ],
    ).unsafe_ask()
    if choice == "keep":
        registration.keep_inactive()
        say(f"{registration.id} is kept, inactive. When it works: tallygate models activate {registration.id}")
    return "edit" if choice == "edit" else "done"


def _say_active(model_id: str) -> None:
    say(f"✓ {model_id} is active.", "green")
    say(f'  Use it: tallygate chat --model {model_id} "Hello"', "dim")
