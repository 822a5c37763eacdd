"""A conversation that the gateway remembers by its session name."""

from typing import Any

import questionary

from services.cli.output import err, out, plain, print_json, say
from services.cli.problem import report_problem
from shared.client import COMPLETION_TIMEOUT_S, Client, ProblemError

_PATH = "/api/codebase/chat"


class Conversation:
    def __init__(self, client: Client, session: str, model: str | None, *, as_json: bool, verbose: bool) -> None:
        self._client = client
        self._session = session
        self._model = model
        self._as_json = as_json
        self._verbose = verbose

    def run(self) -> None:
        """Ask until the user leaves. A question that fails does not end the conversation."""
        known = self._client.get(_PATH, sessionId=self._session).body["total"]
        say(f"Session {self._session}, {known} messages so far. Leave with Ctrl-D or an empty line.", "dim")
        while (question := self._question()) is not None:
            try:
                self.ask(question)
            except ProblemError as error:
                report_problem(error.problem)

    def ask(self, message: str) -> None:
        answer = self._answer(message)
        if self._as_json:
            print_json(answer)
        else:
            out().print(plain(answer["message"]), markup=False)
        if self._verbose:
            say(f"{answer['model']} · tallygate show {answer['inference_id']}", "dim")

    def _answer(self, message: str) -> dict[str, Any]:
        body = {"sessionId": self._session, "message": message} | ({"model": self._model} if self._model else {})
        with err().status(f"Asking {self._model or 'auto'} ..."):
            answer: dict[str, Any] = self._client.post(_PATH, body, COMPLETION_TIMEOUT_S).body
        return answer

    def _question(self) -> str | None:
        try:
            asked = questionary.text("you:", qmark="").unsafe_ask()
        except (KeyboardInterrupt, EOFError):
            return None
        return str(asked).strip() or None
