"""What a skeleton is made of."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.features.codegen.generators.skeletons.names import Name


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The repository that a skeleton has to fit. test_framework: in lower case, "" when it is not known."""

    files: Mapping[str, str]
    test_framework: str = ""


@dataclass(frozen=True, slots=True)
class SkeletonFile:
    path: str
    language: str
    content: str


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The module comes first, then its test. integration: what has to be done so that the module is used."""

    name: Name
    files: tuple[SkeletonFile, ...]
    integration: tuple[str, ...]
