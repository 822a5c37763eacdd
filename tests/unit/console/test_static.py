"""The scripts of others are those of the record, unaltered, with their licences."""

import hashlib
import json
import re
from pathlib import Path

import services.console

VENDOR = Path(services.console.__file__).parent / "static/vendor"
RECORD = json.loads((VENDOR / "packages.json").read_text())


def test_the_files_are_those_of_the_record() -> None:
    recorded = {name: file["sha256"] for package in RECORD for name, file in package["files"].items()}
    found = {
        path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "packages.json"
    }
    assert found == recorded


def test_each_package_has_a_pinned_version_and_its_licence() -> None:
    for package in RECORD:
        assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"])
        assert package["license"] in {"MIT", "0BSD"}
        assert any(name.endswith("/LICENSE") for name in package["files"])
