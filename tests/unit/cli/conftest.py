import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from services.cli import commands
from tests.support.stub_gateway import StubGateway, running_stub

Run = Callable[..., Result]


@pytest.fixture
def gateway() -> Iterator[StubGateway]:
    with running_stub() as stub:
        yield stub


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """As at a terminal. Where tests are started in the background, it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def run(gateway: StubGateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """The command, talking to the stub; no local run of the developer's is found."""
    monkeypatch.delenv("TALLYGATE_ADMIN_KEY_FILE", raising=False)
    monkeypatch.setenv("TALLYGATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TALLYGATE_GATEWAY_URL", gateway.url)
    monkeypatch.setenv("TALLYGATE_API_KEY", "tg_key")
    app = typer.Typer()
    commands.mount(app)

    def run(*arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(app, arguments, input=stdin, prog_name="tallygate")

    return run
