"""The scripts and styles of others that the console serves, from their npm packages; beside them is their record.

python -m deploy.supply.browser_packages   fetches the versions of the record by `npm pack`; writes files and hashes

To bring in another version, change it in the record and run this; `git diff` shows what came. Tests hold the files to
the record, so nothing is fetched where the console is built or run.
"""

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from deploy.supply.locked import ROOT

RECORD = ROOT / "services/console/static/vendor/packages.json"


def recorded() -> list[dict[str, Any]]:
    """Each package with version, license, the hash of its tarball, and its files: where each is from, and its hash."""
    found: list[dict[str, Any]] = json.loads(RECORD.read_text())
    return found


def renew(package: dict[str, Any], folder: Path) -> None:
    """Writes the package's files beside the record. Raises CalledProcessError when npm cannot fetch it, and KeyError
    when it has no such file."""
    wanted = f"{package['package']}@{package['version']}"
    packed = subprocess.run(["npm", "pack", "--silent", wanted], cwd=folder, check=True, capture_output=True, text=True)
    tarball = folder / packed.stdout.split()[-1]
    package["package_sha256"] = _sha256(tarball.read_bytes())
    with tarfile.open(tarball) as members:
        for name, file in package["files"].items():
            found = members.extractfile(f"package/{file['from']}")
            if found is None:
                raise KeyError(file["from"])
            content = found.read()
            file["sha256"] = _sha256(content)
            (RECORD.parent / name).write_bytes(content)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main() -> int:
    packages = recorded()
    with tempfile.TemporaryDirectory() as folder:
        for package in packages:
            renew(package, Path(folder))
    RECORD.write_text(json.dumps(packages, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
