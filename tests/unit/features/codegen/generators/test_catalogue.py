"""Generators of other distributions, whatever state these are in."""

import importlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.features.codegen.generators.catalogue import Catalogue
from services.features.codegen.generators.contract import GROUP
from services.features.codegen.generators.installed import Found
from services.features.codegen.generators.llm import Llm
from services.features.codegen.generators.template import Template
from shared.errors import TallygateError

GOOD = """
class Own:
    name = "own"
    async def generate(self, task, ask, tell, check): ...
def make():
    return Own()
"""


class Site:
    """A folder on sys.path with distributions that are made up."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def install(self, distribution: str, entry_points: str, module: str, code: str, version: str = "1.0") -> None:
        self.describe(distribution, f"[{GROUP}]\n{entry_points}\n", version)
        (self._folder / f"{module}.py").write_text(code)

    def describe(self, distribution: str, entry_points: str, version: str = "1.0") -> None:
        info = self._folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(entry_points)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Site(tmp_path)
    for name in set(sys.modules) - before:
        if name.startswith("fake_"):
            del sys.modules[name]
    importlib.invalidate_caches()


def refusal(catalogue: Catalogue, name: str) -> TallygateError:
    with pytest.raises(TallygateError) as refused:
        catalogue.get(name)
    return refused.value


def test_our_own_are_registered() -> None:
    catalogue = Catalogue.installed()
    assert {"llm", "template"} <= set(catalogue.usable)
    assert isinstance(catalogue.get("llm"), Llm)
    assert isinstance(catalogue.get("template"), Template)
    assert catalogue.broken == {}


def test_an_installed_one_is_found_and_made_once(site: Site) -> None:
    site.install("tallygate-generator-own", "own = fake_own:make", "fake_own", GOOD)
    catalogue = Catalogue.installed()
    assert "own" in catalogue.usable
    assert "fake_own" not in sys.modules
    assert catalogue.get("own") is catalogue.get("own")


def test_one_that_is_not_installed() -> None:
    failure = refusal(Catalogue.installed(), "codegen").failure
    assert (failure.error_type, failure.http_status) == ("generator_unavailable", 503)
    assert "'codegen' is not installed; installed: llm, template" in failure.detail
    assert "pip install tallygate-generator-codegen, then restart the features worker" in failure.tips[0]
    assert failure.tips[1] == 'Or choose another one: "generator": "template"'


@pytest.mark.parametrize("name", ["x; rm -rf ~", "--index-url=http://evil", "a b", "$(id)", ""])
def test_a_name_that_is_no_package_is_in_no_command(name: str) -> None:
    assert not any("pip install" in tip for tip in refusal(Catalogue.installed(), name).failure.tips)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import fake_missing_dependency", "ModuleNotFoundError: No module named 'fake_missing_dependency'"),
        ("raise RuntimeError('no GPU\\nat all')", "RuntimeError: no GPU"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("def make(:", "SyntaxError: invalid syntax (fake_bad.py, line 1)"),
        ("", "AttributeError: module 'fake_bad' has no attribute 'make'"),
        ("make = 1", "TypeError: 'int' object is not callable"),
        ("def make(): return 1", "TypeError: what it makes is a int without a method generate"),
        ("def make(): raise ValueError('key sk-abcdefghijklmnop')", "ValueError: key [redacted]"),
    ],
)
def test_a_broken_one_says_why(site: Site, code: str, reason: str) -> None:
    site.install("codegen-bad", "bad = fake_bad:make", "fake_bad", code)
    catalogue = Catalogue.installed()
    failure = refusal(catalogue, "bad").failure
    assert failure.error_type == "generator_unavailable"
    assert f"'bad' of codegen-bad cannot be loaded: {reason}; installed: llm, template" in failure.detail
    assert "Traceback" not in failure.detail
    assert "pip install --upgrade codegen-bad, then restart" in failure.tips[0]
    assert catalogue.broken == {"bad": f"{reason} (codegen-bad)"}
    assert isinstance(catalogue.get("template"), Template)


def test_one_whose_module_is_gone(site: Site) -> None:
    site.describe("codegen-gone", f"[{GROUP}]\ngone = fake_gone.inner:make\n")
    assert "ModuleNotFoundError: No module named 'fake_gone'" in refusal(Catalogue.installed(), "gone").failure.detail


def test_a_broken_one_is_not_tried_again(site: Site, tmp_path: Path) -> None:
    code = "with open(__file__[:-3] + '.tries', 'a') as tries:\n    tries.write('x')\nraise OSError('no')"
    site.install("codegen-bad", "bad = fake_bad:make", "fake_bad", code)
    catalogue = Catalogue.installed()
    catalogue.load_all()
    for _ in range(3):
        refusal(catalogue, "bad")
    assert (tmp_path / "fake_bad.tries").read_text() == "x"


def test_a_malformed_list_of_entry_points_is_told_and_harms_nobody(site: Site) -> None:
    site.describe("codegen-odd", f"[{GROUP}]\nthis is no entry point\n")
    catalogue = Catalogue.installed()
    assert "codegen-odd" in str(catalogue.broken)
    assert isinstance(catalogue.get("template"), Template)


def test_nobody_takes_the_name_of_our_own(site: Site) -> None:
    site.install("a-codegen", "llm = fake_llm:make", "fake_llm", GOOD)
    catalogue = Catalogue.installed()
    assert isinstance(catalogue.get("llm"), Llm)
    assert catalogue.broken == {"llm of a-codegen": "the name is taken by tallygate (a-codegen)"}


def test_a_slow_one_is_left_behind_and_does_not_delay_the_others() -> None:
    released = threading.Event()

    def slow() -> object:
        released.wait()
        raise AssertionError("nobody takes this any more")

    catalogue = Catalogue([Found("slow", "codegen-slow", slow), Found("template", "tallygate", lambda: Template)], 0.05)
    try:
        assert "did not load within 0.05 s" in refusal(catalogue, "slow").failure.detail
        assert isinstance(catalogue.get("template"), Template)
        refusal(catalogue, "slow")  # known by now
    finally:
        released.set()


def test_finding_them_imports_nothing(site: Site) -> None:
    site.install("codegen-slow", "slow = fake_slow:make", "fake_slow", "1 / 0")
    assert "slow" in Catalogue.installed().usable
