"""What goes into the image is pinned, and the bill of materials is that of what goes in."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from deploy.supply.advisories import NONE_KNOWN, NOT_CHECKED, SOME_KNOWN, verdict
from deploy.supply.browser_packages import recorded
from deploy.supply.locked import IMAGE_LOCK, ROOT, locked
from deploy.supply.sbom import SBOM, sbom

_DOCKERFILE = (ROOT / "deploy" / "docker" / "Dockerfile").read_text()


def test_the_image_installs_what_was_tested() -> None:
    """Versions and hashes of the image's lock are among those of the lock that tests run on."""
    image = locked(IMAGE_LOCK.read_text())

    assert len(image) > 40
    assert set(image) - set(locked((ROOT / "requirements.lock").read_text())) == set()


def test_the_image_has_everything_that_the_services_import() -> None:
    """It is installed without asking for dependencies, so what the lock lacks is missing when a service starts."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[^A-Za-z0-9._-]", requirement)[0] for requirement in wanted}
    assert names - {package.name for package in locked(IMAGE_LOCK.read_text())} == set()


@pytest.mark.parametrize("lock", [IMAGE_LOCK, ROOT / "requirements.lock"], ids=["image", "tests"])
def test_every_line_of_a_lock_is_a_package_with_hashes(lock: Path) -> None:
    text = lock.read_text()
    assert len(locked(text)) == len(re.findall(r"^[A-Za-z]", text, re.MULTILINE))
    assert "://" not in text


def test_the_bill_of_materials_is_that_of_the_image() -> None:
    text = SBOM.read_text()
    assert text == sbom(), "renew it: make sbom"
    assert {component["name"] for component in json.loads(text)["components"]} == {
        *(package.name for package in locked(IMAGE_LOCK.read_text())),
        *(package["package"] for package in recorded()),
    }
    assert set(re.findall(r"https?://[^/\"]+", text)) <= {"http://cyclonedx.org"}


def test_the_image_is_made_of_what_is_pinned() -> None:
    assert all(re.search(r":[\d.]+\d-slim-\w+( |$)", line) for line in re.findall(r"^FROM (.+)$", _DOCKERFILE, re.M))
    assert "apt-get" not in _DOCKERFILE
    for line in re.findall(r"pip install (.+)$", _DOCKERFILE, re.MULTILINE):
        assert line.startswith(("--require-hashes", "--no-deps"))


@pytest.mark.parametrize(
    ("output", "status"),
    [
        ("", NOT_CHECKED),
        ("ConnectionError", NOT_CHECKED),
        ('{"dependencies": [{"name": "a", "skip_reason": "not found"}]}', NOT_CHECKED),
        ('{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}', NONE_KNOWN),
        ('{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": []}]}]}', SOME_KNOWN),
    ],
)
def test_what_could_not_be_checked_is_not_told_as_clean(output: str, status: int) -> None:
    found, lines = verdict(output)
    assert found == status
    assert lines
