"""Pure: the names of dependencies in manifests of whatever shape. Anybody may write one: what is no table has nothing
in it, and what cannot be read declares nothing."""

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_CARGO = ("dependencies", "dev-dependencies", "build-dependencies")
_NPM = ("dependencies", "devDependencies", "peerDependencies", "optionalDependencies")


def pyproject_names(data: Mapping[str, Any]) -> list[str]:
    """Wherever the tools keep them; Poetry's are the keys of its tables."""
    project, uv, poetry = table(data, "project"), table(data, "tool", "uv"), table(data, "tool", "poetry")
    groups = (*table(project, "optional-dependencies").values(), *table(data, "dependency-groups").values())
    lists = (project.get("dependencies"), table(data, "build-system").get("requires"), uv.get("dev-dependencies"))
    worded = [text for value in (*lists, *groups) for text in texts(value)]
    tables = [table(poetry, "dependencies"), table(poetry, "dev-dependencies")]
    tables += [table(table(poetry, "group"), group, "dependencies") for group in table(poetry, "group")]
    return [*requirement_names(worded), *(name for names in tables for name in names)]


def cargo_names(data: Mapping[str, Any]) -> list[str]:
    targets = [table(data, "target", name) for name in table(data, "target")]
    return [
        name for part in (data, table(data, "workspace"), *targets) for place in _CARGO for name in table(part, place)
    ]


def package_json_names(data: Mapping[str, Any]) -> list[str]:
    return [name for place in _NPM for name in table(data, place)]


def requirement_names(lines: list[str]) -> list[str]:
    return [found[1] for line in lines if (found := _NAME.match(line))]


def read_toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def read_json(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def table(data: Mapping[str, Any], *names: str) -> dict[str, Any]:
    found: Any = data
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
