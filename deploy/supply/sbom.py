"""deploy/docker/sbom.cdx.json: the image's packages in CycloneDX, made from its lock file and from the record of what
the console serves, without the network.

python -m deploy.supply.sbom          writes it
python -m deploy.supply.sbom --check  compares it, as `make check` does

The hashes stand in the lock file; here are names, versions and package URLs, by which advisories are looked up.
"""

import json
import sys
import tomllib
from collections.abc import Sequence

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from deploy.supply.browser_packages import recorded
from deploy.supply.locked import IMAGE_LOCK, ROOT, locked

SBOM = IMAGE_LOCK.with_name("sbom.cdx.json")


def sbom() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    application = _component(project["name"], project["version"], ComponentType.APPLICATION)
    packages = [_component(package.name, package.version) for package in locked(IMAGE_LOCK.read_text())]
    packages += [_component(package["package"], package["version"], of="npm") for package in recorded()]
    bom = Bom(components=packages)
    bom.metadata.component = application
    bom.register_dependency(application, packages)
    written = json.loads(JsonV1Dot6(bom).output_as_string())
    # Of the moment of writing, and of the tool with its addresses: the same lock gives the same file.
    del written["serialNumber"], written["metadata"]["timestamp"]
    written["metadata"].pop("tools", None)
    return json.dumps(written, indent=1, sort_keys=True) + "\n"


def _component(name: str, version: str, kind: ComponentType = ComponentType.LIBRARY, *, of: str = "pypi") -> Component:
    purl = PackageURL(of, None, name.lower(), version)
    return Component(name=name, version=version, type=kind, purl=purl, bom_ref=str(purl))


def main(arguments: Sequence[str]) -> int:
    if "--check" not in arguments:
        SBOM.write_text(sbom())
        return 0
    if SBOM.exists() and SBOM.read_text() == sbom():
        return 0
    print(f"{SBOM.relative_to(ROOT)} is not what the lock file says; renew it with: make sbom", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
