import pytest

from services.features.codegen.reading.git_version import git_refusal, refusal_of


@pytest.mark.parametrize("told", ["git version 2.37.0", "git version 2.39.5 (Apple Git-154)", "git version 3.0.1"])
def test_a_git_that_keeps_to_an_address_may_be_used(told: str) -> None:
    assert refusal_of(told) is None


@pytest.mark.parametrize("told", ["git version 2.34.1", "git version 1.8.3.1"])
def test_an_older_one_is_refused_by_its_version(told: str) -> None:
    assert "2.37 is the first" in (refusal_of(told) or "")


def test_what_says_no_version_is_refused() -> None:
    assert refusal_of("") == "git beside the features worker does not say its version"


def test_no_git_at_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    git_refusal.cache_clear()
    try:
        assert "cannot be run" in (git_refusal() or "")
    finally:
        git_refusal.cache_clear()
