"""Whether advisories are known of the image's packages, by pip-audit. It asks over the network.

Exit status: 0, none is known; 1, some are, and are printed; 3, it could not be found out, which is said.
"""

import json
import subprocess
import sys
from typing import Any

from deploy.supply.locked import IMAGE_LOCK

NONE_KNOWN, SOME_KNOWN, NOT_CHECKED = 0, 1, 3
_COMMAND = (sys.executable, "-m", "pip_audit", "--disable-pip", "--no-deps", "--format", "json", "--progress-spinner",
            "off", "--timeout", "10", "--requirement", str(IMAGE_LOCK))  # fmt: skip
_WITHIN_S = 60.0  # for all packages


def verdict(output: str) -> tuple[int, list[str]]:
    """The exit status, and lines for people. output: what pip-audit writes; it says nothing when it could not ask."""
    try:
        packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return NOT_CHECKED, ["advisories: not checked: pip-audit could not ask for them (is there a network?)"]
    # What is unknown to the service counts as unaudited: a mirror that knows no advisories would seem a clean bill.
    unknown = [package["name"] for package in packages if "vulns" not in package]
    if unknown:
        return NOT_CHECKED, [f"advisories: not checked: nothing is told of {len(unknown)} packages, as {unknown[0]}"]
    found = [
        f"{package['name']} {package['version']}: {vuln['id']}, mended in {', '.join(vuln['fix_versions']) or 'none'}"
        for package in packages
        for vuln in package["vulns"]
    ]
    return (SOME_KNOWN, found) if found else (NONE_KNOWN, [f"advisories: none is known of {len(packages)} packages"])


def main() -> int:
    status, lines = verdict(_asked())
    print("\n".join(lines))
    return status


def _asked() -> str:
    """Nothing when there was no answer in time."""
    try:
        return subprocess.run(_COMMAND, capture_output=True, text=True, check=False, timeout=_WITHIN_S).stdout
    except subprocess.TimeoutExpired:
        return ""


if __name__ == "__main__":
    sys.exit(main())
