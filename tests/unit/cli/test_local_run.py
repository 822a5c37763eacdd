import json
import socket
from pathlib import Path

import pytest

from deploy.local.home import Home
from services.cli.local_run import LocalRun, merged, needed, read_local_run
from shared.client import ProblemError

GIVEN = {
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "DATABASE_URL": "postgresql://local",
    "TALLYGATE_KEYS": "k1:local",
    "TALLYGATE_PORT": "8100",
    "TALLYGATE_MONITOR_URL": "http://127.0.0.1:8101",
}
RUN = LocalRun(Path("home"), GIVEN, None)


def test_what_the_operator_does_not_say_is_the_local_runs() -> None:
    assert [needed(name, {}, RUN) for name in list(GIVEN)[:3]] == ["127.0.0.1:1", "postgresql://local", "k1:local"]
    assert merged({"TALLYGATE_PORT": ""}, RUN)["TALLYGATE_PORT"] == "8100"


def test_the_operators_own_come_first() -> None:
    own = {"DATABASE_URL": "postgresql://local", "TALLYGATE_KEYS": "k2:own", "TALLYGATE_MONITOR_PORT": "9000"}

    found = merged(own, RUN)

    assert found == own | {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "TALLYGATE_PORT": "8100"}


@pytest.mark.parametrize("name", ["KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL"])
def test_two_deployments_are_never_mixed(name: str) -> None:
    assert merged({name: "elsewhere"}, RUN) == {name: "elsewhere"}
    with pytest.raises(ProblemError, match=f"TALLYGATE_KEYS is not set, and {name} names another deployment"):
        needed("TALLYGATE_KEYS", {name: "elsewhere"}, RUN)


@pytest.mark.parametrize("reason", ["there is no local run in home", "the local run in home has ended"])
def test_what_neither_says_is_refused_with_both_ways_to_say_it(reason: str) -> None:
    given = GIVEN if "ended" in reason else {}

    with pytest.raises(ProblemError, match=f"DATABASE_URL is not set, and {reason}") as caught:
        needed("DATABASE_URL", {}, LocalRun(Path("home"), given, reason))

    variable, local_run = caught.value.problem.tips
    assert "DATABASE_URL=" in variable
    assert "make run" in local_run


def test_a_home_tells_whether_its_run_goes_on(tmp_path: Path) -> None:
    home, environment = Home(tmp_path), {"TALLYGATE_HOME": str(tmp_path)}
    assert "there is no local run" in str(read_local_run(environment).unusable)
    home.create()
    home.environment.write_text("[")
    assert "cannot be read" in str(read_local_run(environment).unusable)
    home.environment.write_text(json.dumps(GIVEN))
    try:
        with socket.socket(socket.AF_UNIX) as supervisor:
            supervisor.bind(str(home.socket))
            supervisor.listen()
            assert read_local_run(environment) == LocalRun(tmp_path, GIVEN, None)
        assert "has ended" in str(read_local_run(environment).unusable)
    finally:
        home.socket.unlink()
        home.runtime.rmdir()
