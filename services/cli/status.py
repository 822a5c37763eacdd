"""`tallygate status`: is every service ready, and are the books up to date?"""

from typing import Any, NamedTuple

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from services.cli.connection import (
    GatewayOption,
    JsonOption,
    KeyOption,
    connect,
    features_urls,
    gateway_url,
    jobs_urls,
    monitor_url,
    router_urls,
)
from services.cli.listing import Listing
from services.cli.local_run import operator_environment
from services.cli.output import behind, cell, emit, plain
from services.cli.problem import reports_problems
from shared.client import Client, ProblemError
from shared.client.requests import MONITORING

_TIMEOUT_S = 5.0
# The books need a key and readiness does not: a missing key does not make a service unready.
_READY_ALL_THE_SAME = {None, "authentication_failed", "permission_denied"}


class Readiness(NamedTuple):
    service: str
    url: str
    ready: bool
    reasons: dict[str, str]
    notes: dict[str, str]


@reports_problems
def status(gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False) -> None:
    """Show whether every service is ready; exit status 1 when one is not.

    Looks at the gateway, TALLYGATE_MONITOR_URL, TALLYGATE_ROUTER_URLS, TALLYGATE_FEATURES_URLS and TALLYGATE_JOBS_URLS
    (several with commas).
    """
    environment = operator_environment()
    base = gateway_url(gateway, environment)
    services = [("gateway", base), ("monitor", monitor_url(environment))]
    services += [("router", url) for url in router_urls(environment)]
    services += [("features", url) for url in features_urls(environment)]
    services += [("jobs", url) for url in jobs_urls(environment)]
    seen = [readiness(service, url) for service, url in services]
    books = _books(base, key)
    ready = all(service.ready for service in seen) and books["error_type"] in _READY_ALL_THE_SAME
    emit({"ready": ready, "services": [service._asdict() for service in seen], "books": books}, as_json, _view)
    if not ready:
        raise typer.Exit(1)


def readiness(service: str, url: str) -> Readiness:
    try:
        answer = Client(url).send("GET", "/readyz", timeout_s=_TIMEOUT_S)
    except ProblemError as error:
        return Readiness(service, url, False, {"connection": error.problem.detail}, {})
    body = answer.body if isinstance(answer.body, dict) else {}
    if "reasons" not in body:
        return Readiness(service, url, False, {"connection": f"something else answers at {url}"}, {})
    reasons = dict(body["reasons"])
    if body.get("service") != service:
        reasons["service"] = f"this is the {body.get('service')}, not the {service}"
    return Readiness(service, url, answer.status == 200 and not reasons, reasons, dict(body.get("notes") or {}))


def _books(gateway: str, key: str | None) -> dict[str, Any]:
    try:
        body = connect(gateway, key).get(MONITORING).body
    except ProblemError as error:
        problem = {"error_type": error.problem.error_type, "problem": error.problem.detail}
        return {"lag_s": None, "open_attempts": None, "health": None} | problem
    seen = {"lag_s": body["lag_s"], "open_attempts": body["attempts"]["open"], "health": body["health"]["status"]}
    return seen | {"error_type": None, "problem": None}


def _view(body: dict[str, Any]) -> RenderableType:
    made = Listing("service", "state", "at", "why")
    for service in body["services"]:
        state = cell("ready", "green") if service["ready"] else cell("not ready", "red")
        details = service["reasons"] | service["notes"]
        why = "; ".join(f"{name}: {reason}" for name, reason in details.items())
        made.add_row(cell(service["service"], "bold"), state, cell(service["url"]), cell(why))
    return Group(made, Text(), _books_text(body["books"]))


def _books_text(books: dict[str, Any]) -> Text:
    if books["problem"] is not None:
        return Text.assemble(("books ", "bold"), ("cannot be read", "red"), f": {plain(books['problem'])}")
    opened = f"{books['open_attempts']} open attempts in the last hour"
    text = Text.assemble(("books ", "bold"), f"{behind(books['lag_s'])} · {opened} · models ")
    return text.append(plain(books["health"]), "green" if books["health"] == "healthy" else "yellow")
