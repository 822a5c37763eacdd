import json

from services.cli.error_types import errors
from shared.access.keys import parse_key
from shared.crypto import KeyRing
from shared.errors import CATALOGUE
from tests.support.stub_gateway import StubGateway, problem
from tests.unit.cli.conftest import Run

MADE = {"key": "tg_x", "key_id": "0a", "tenant": "t", "scopes": ["inference"], "name": "n"}


def test_a_key_is_made_and_shown(gateway: StubGateway, run: Run) -> None:
    gateway.answers["POST /api/keys"] = (201, MADE)

    done = run("keys", "create", "--tenant", "t", "--scope", "inference", "--scope", "models", "--name", "n")

    assert done.stdout.splitlines()[0] == "tg_x"
    assert gateway.asked[0].body == {"tenant": "t", "name": "n", "scopes": ["inference", "models"]}
    assert json.loads(run("keys", "create", "--tenant", "t", "--json").stdout) == MADE
    assert gateway.asked[1].body == {"tenant": "t", "name": ""}


def test_keys_are_listed_and_revoked(gateway: StubGateway, run: Run) -> None:
    listed = {"key_id": "0a", "tenant": "t", "scopes": ["inference"], "name": "n"} | {
        "created_at": "2026-01-02T03:04:05+00:00",
        "revoked_at": None,
    }
    gateway.answers["GET /api/keys?tenant=t"] = (200, {"keys": [listed], "total": 1})
    gateway.answers["DELETE /api/keys/0a"] = (204, None)
    gateway.answers["DELETE /api/keys/0b"] = (404, problem("invalid_request", "there is no active key '0b'"))

    assert run("keys", "list", "--tenant", "t").stdout.splitlines()[1].split()[:4] == ["0a", "t", "inference", "n"]
    assert "key 0a is revoked" in run("keys", "revoke", "0a").stdout
    assert "there is no active key '0b'" in run("keys", "revoke", "0b").stderr


def test_keys_made_offline_are_of_use(gateway: StubGateway, run: Run) -> None:
    admin = run("keys", "new-admin-key").stdout.strip()
    sealing = run("secrets", "new-key", "--kid", "k2").stdout.strip()

    assert parse_key(admin) is not None
    assert KeyRing.parse(sealing).sealing_kid == "k2"
    assert "is no key id" in run("secrets", "new-key", "--kid", "a,b").stderr
    assert gateway.calls == []


def test_every_error_type_is_explained(run: Run) -> None:
    assert errors.__doc__
    listed = json.loads(run("errors", "--json").stdout)["errors"]

    assert [one["error_type"] for one in listed] == list(CATALOGUE)
    assert "{" not in run("errors", "rate_limited").stdout
    assert "goes on to the next candidate" in run("errors", "rate_limited").stdout


def test_an_unknown_error_type_is_guessed(run: Run) -> None:
    done = run("errors", "rate_limit")

    assert done.exit_code == 1
    assert "Did you mean rate_limited?" in done.stderr
