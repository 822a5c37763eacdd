from pathlib import Path

import pytest

from services.cli.connection import api_key, gateway_url, monitor_url, router_urls
from shared.client import ProblemError


def test_the_gateway_is_the_given_one_or_on_this_machine() -> None:
    assert gateway_url("http://there:1", {}) == "http://there:1"
    assert gateway_url(None, {}) == "http://127.0.0.1:8000"
    assert gateway_url(None, {"TALLYGATE_PORT": "8100"}) == "http://127.0.0.1:8100"


def test_the_monitor_and_the_routers_are_named_or_on_this_machine() -> None:
    assert monitor_url({}) == "http://127.0.0.1:8001"
    assert monitor_url({"TALLYGATE_MONITOR_URL": "http://m"}) == "http://m"
    assert router_urls({"TALLYGATE_ROUTER_PORT": "8110"}) == ["http://127.0.0.1:8110"]
    assert router_urls({"TALLYGATE_ROUTER_URLS": "http://a, http://b,"}) == ["http://a", "http://b"]


def test_a_given_key_comes_before_the_files(tmp_path: Path) -> None:
    (tmp_path / "admin.key").write_text("tg_home\n")
    named = tmp_path / "named"
    named.write_text("tg_named\n")
    home = {"TALLYGATE_HOME": str(tmp_path)}

    assert api_key("tg_given", home) == "tg_given"
    assert api_key(None, home) == "tg_home"
    assert api_key(None, home | {"TALLYGATE_ADMIN_KEY_FILE": str(named)}) == "tg_named"


@pytest.mark.parametrize("content", [None, "", "two words"])
def test_without_a_key_it_says_where_one_could_be(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "admin.key").write_text(content)

    with pytest.raises(ProblemError) as caught:
        api_key(None, {"TALLYGATE_HOME": str(tmp_path)})

    assert caught.value.problem.error_type == "authentication_failed"
    assert "TALLYGATE_API_KEY" in caught.value.problem.tips[0]
