"""Which gateway, with which key: from options, the environment, or the local run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from services.cli.local_run import operator_environment
from shared.client import Client, Problem, ProblemError

_PANEL = "Connection"

GatewayOption = Annotated[
    str | None,
    typer.Option(
        "--gateway",
        envvar="TALLYGATE_GATEWAY_URL",
        metavar="URL",
        rich_help_panel=_PANEL,
        help="The gateway; otherwise http://127.0.0.1:$TALLYGATE_PORT (8000).",
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        envvar="TALLYGATE_API_KEY",
        metavar="KEY",
        rich_help_panel=_PANEL,
        help="Your API key; otherwise the one in $TALLYGATE_ADMIN_KEY_FILE or $TALLYGATE_HOME/admin.key.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def connect(gateway: str | None, key: str | None) -> Client:
    environment = operator_environment()
    return Client(gateway_url(gateway, environment), api_key(key, environment))


def gateway_url(given: str | None, environment: Mapping[str, str]) -> str:
    return given or f"http://127.0.0.1:{environment.get('TALLYGATE_PORT') or 8000}"


def monitor_url(environment: Mapping[str, str]) -> str:
    port = environment.get("TALLYGATE_MONITOR_PORT") or 8001
    return environment.get("TALLYGATE_MONITOR_URL") or f"http://127.0.0.1:{port}"


def router_urls(environment: Mapping[str, str]) -> list[str]:
    return _urls(environment, "ROUTER", "8010")


def features_urls(environment: Mapping[str, str]) -> list[str]:
    return _urls(environment, "FEATURES", "8020")


def jobs_urls(environment: Mapping[str, str]) -> list[str]:
    return _urls(environment, "JOBS", "8030")


def _urls(environment: Mapping[str, str], service: str, default_port: str) -> list[str]:
    port = environment.get(f"TALLYGATE_{service}_PORT") or default_port
    given = environment.get(f"TALLYGATE_{service}_URLS") or f"http://127.0.0.1:{port}"
    return [url.strip() for url in given.split(",") if url.strip()]


def api_key(given: str | None, environment: Mapping[str, str]) -> str:
    """Raises ProblemError when there is none."""
    key = given.strip() if given else _from_file(environment)
    if not key.isascii() or not key.isprintable() or " " in key:
        raise _no_key("the API key holds characters that no key has")
    return key


def _from_file(environment: Mapping[str, str]) -> str:
    path = _key_file(environment)
    try:
        key = path.read_text().strip()
    except FileNotFoundError:
        raise _no_key(f"there is no API key: none was given, and there is no file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise _no_key(f"the API key cannot be read from {path}: {reason}") from None
    if not key:
        raise _no_key(f"there is no API key: the file {path} is empty")
    return key


def _key_file(environment: Mapping[str, str]) -> Path:
    named = environment.get("TALLYGATE_ADMIN_KEY_FILE")
    return Path(named) if named else Path(environment.get("TALLYGATE_HOME") or ".tallygate") / "admin.key"


def _no_key(detail: str) -> ProblemError:
    tips = (
        "Give one: --key tg_..., or TALLYGATE_API_KEY=tg_...",
        "Or name its file: TALLYGATE_ADMIN_KEY_FILE; the local run writes $TALLYGATE_HOME/admin.key.",
    )
    return ProblemError(Problem("authentication_failed", detail, tips))
