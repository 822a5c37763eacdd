"""Starts the identity provider, and says whom it knows."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deploy.local.ports import free_port
from deploy.local.readiness import http_not_ready
from deploy.local.waiting import wait_until

CLIENT_ID, CLIENT_SECRET = "console", "secret-of-the-client"
_READY_S = 60.0


@dataclass(frozen=True)
class IdentityProvider:
    """It names itself by the address at which it is asked."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def set(self, **values: Any) -> None:
        """As `/set` of serving.py has it."""
        httpx.post(f"{self.url}/set", json=values, timeout=20).raise_for_status()

    def know(self, console_url: str, **people: list[str]) -> None:
        """A console, and people with their groups, each of whom has their name as password."""
        client = {
            "id": CLIENT_ID, "secret": CLIENT_SECRET, "redirect_uri": f"{console_url}/login/oidc/callback",
            "signed_out_uri": f"{console_url}/login",
        }  # fmt: skip
        self.set(client=client, people=people)


@contextmanager
def identity_provider(folder: Path) -> Iterator[IdentityProvider]:
    provider = IdentityProvider(free_port())
    command = (sys.executable, "-m", "tests.support.identity_provider.serving", folder, str(provider.port))
    process = subprocess.Popen(command)
    try:
        wait_until(lambda: http_not_ready(f"{provider.url}/.well-known/openid-configuration"), _READY_S)
        yield provider
    finally:
        process.kill()
        process.wait(30)


def oidc_environment(issuer: str, console_url: str, roles: dict[str, Path]) -> dict[str, str]:
    """The settings of a console that trusts the provider at this address. roles: files of API keys."""
    return {
        "TALLYGATE_CONSOLE_URL": console_url,
        "TALLYGATE_CONSOLE_OIDC_ISSUER": issuer,
        "TALLYGATE_CONSOLE_OIDC_CLIENT_ID": CLIENT_ID,
        "TALLYGATE_CONSOLE_OIDC_CLIENT_SECRET": CLIENT_SECRET,
        "TALLYGATE_CONSOLE_OIDC_NAME": "Acme",
        "TALLYGATE_CONSOLE_OIDC_ROLES": json.dumps({role: str(path) for role, path in roles.items()}),
    }
