"""A conversation that the gateway remembers by its session name."""

from typing import Any

from services.cli.output import err, out, print_json, say, without_controls
from services.cli.problem import report_problem
from services.cli.shown import Shown
from shared.client import COMPLETION_TIMEOUT_S, Client, Problem, ProblemError
from shared.client.requests import CANCELS

_PATH = "/api/codebase/chat"


class Conversation:
    """streams: answers are shown as they come."""

    def __init__(
        self, client: Client, session: str, model: str | None, *, streams: bool, as_json: bool, verbose: bool
    ) -> None:
        self._client = client
        self._session = session
        self._model = model
        self._streams = streams
        self._as_json = as_json
        self._verbose = verbose

    def run(self) -> None:
        """Ask until the user leaves. A question that fails, or whose answer is interrupted, ends no conversation."""
        known = self._client.get(_PATH, sessionId=self._session).body["total"]
        say(f"Session {self._session}, {known} messages so far. Leave with Ctrl-D or an empty line.", "dim")
        while (question := self._question()) is not None:
            try:
                self.ask(question)
            except ProblemError as error:
                report_problem(error.problem)
            except KeyboardInterrupt:
                say("The answer was ended.", "dim")

    def ask(self, message: str) -> None:
        body = {"sessionId": self._session, "message": message} | ({"model": self._model} if self._model else {})
        answer = self._streamed(body) if self._streams else self._printed(body)
        if self._verbose:
            say(f"{answer['model']} · tallygate show {answer['inference_id']}", "dim")

    def _printed(self, body: dict[str, Any]) -> dict[str, Any]:
        with err().status(f"Asking {self._model or 'auto'} ..."):
            answer: dict[str, Any] = self._client.post(_PATH, body, COMPLETION_TIMEOUT_S, CANCELS).body
        if self._as_json:
            print_json(answer)
        else:
            out().print(without_controls(answer["message"]), markup=False)
        return answer

    def _streamed(self, body: dict[str, Any]) -> dict[str, Any]:
        """The last event, which says all that a plain answer says."""
        last: dict[str, Any] = {}
        with self._client.stream(_PATH, body | {"stream": True}, CANCELS) as answer, Shown(self._model) as shown:
            for event in answer:
                shown.add(event.get("delta", ""))
                last = event
            if "message" not in last:
                raise ProblemError(Problem("bad_response", "the gateway's answer holds no message"))
            if not shown.begun:
                shown.add(last["message"])
        return last

    def _question(self) -> str | None:
        import questionary  # not at the top: it takes long to load, and every service and command would wait for it

        try:
            asked = questionary.text("you:", qmark="").unsafe_ask()
        except (KeyboardInterrupt, EOFError):
            return None
        return str(asked).strip() or None
