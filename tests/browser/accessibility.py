"""axe-core, Deque's checker of accessibility, on a page. The file is of the npm package axe-core, as it is there."""

import hashlib
from pathlib import Path
from typing import Any

from playwright.async_api import Page

_VERSION = "4.14.1"
_FILE = Path(__file__).parent / "axe" / "axe.min.js"
_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"


# All that look at colours, of those that are on by default.
COLOURS = ("color-contrast", "link-in-text-block")


async def violations(page: Page, rules: tuple[str, ...] = ()) -> list[str]:
    """Of these rules of axe-core, or of all, one line for each element. The page's context must be one with
    `bypass_csp`."""
    if not await page.evaluate("'axe' in window"):
        await page.add_script_tag(content=_script())
    options = {"resultTypes": ["violations"]} | ({"runOnly": {"type": "rule", "values": rules}} if rules else {})
    found: dict[str, Any] = await page.evaluate("(options) => axe.run(options)", options)
    assert found["testEngine"]["version"] == _VERSION
    return [
        f"{page.url}: {violation['id']} ({violation['impact']}): {violation['help']}: {node['html'][:200]}"
        f" - {node['failureSummary'].splitlines()[-1].strip()}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def _script() -> str:
    content = _FILE.read_bytes()
    assert hashlib.sha256(content).hexdigest() == _SHA256, f"{_FILE} is not the file of axe-core {_VERSION}"
    return content.decode()
