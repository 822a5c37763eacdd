"""Pure: the words for a generator that cannot be had."""

import re
from collections.abc import Sequence

from services.features.codegen.generators.installed import Broken
from shared.errors import TallygateError

_PACKAGE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,80}[A-Za-z0-9])?")


def unavailable(name: str, broken: Broken | None, others: Sequence[str]) -> TallygateError:
    """others: the names that may be chosen instead."""
    if broken is None:
        what = f"the generator {name!r} is not installed"
    else:
        what = f"the generator {name!r} of {broken.distribution} cannot be loaded: {broken.reason}"
    detail = f"{what}; installed: {', '.join(others) or 'none'}"
    return TallygateError("generator_unavailable", detail, tips=_tips(name, broken, others))


def _tips(name: str, broken: Broken | None, others: Sequence[str]) -> tuple[str, ...]:
    """A name comes from a caller: one that is no package name must not end up in a command that is copied."""
    package = f"tallygate-generator-{name}" if broken is None else broken.distribution
    tips = []
    if _PACKAGE_NAME.fullmatch(package):
        option = "" if broken is None else "--upgrade "
        tips.append(f"Install it: pip install {option}{package}, then restart the features worker.")
    if (other := _other(others)) is not None:
        tips.append(f'Or choose another one: "generator": "{other}"')
    return tuple(tips)


def _other(others: Sequence[str]) -> str | None:
    return "template" if "template" in others else next(iter(others), None)
