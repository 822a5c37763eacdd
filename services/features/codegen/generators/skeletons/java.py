"""Pure: a skeleton in Java."""

import posixpath
import re

from services.features.codegen.generators.skeletons.names import Name
from services.features.codegen.generators.skeletons.places import (
    fullest_folder,
    indentation,
    join,
    most,
    sources,
    tests,
)
from services.features.codegen.generators.skeletons.values import Skeleton, SkeletonFile, Surroundings
from services.features.codegen.generators.skeletons.wording import block_comment

_MAIN = "src/main/java"
_TEST = "src/test/java"
_FRAMEWORKS = {"junit5": r"\borg\.junit\.jupiter\b", "junit4": r"\borg\.junit\.Test\b", "testng": r"\borg\.testng\b"}


def java(name: Name, wish: str, around: Surroundings) -> Skeleton:
    own = sources(around.files, (".java",))
    folder = fullest_folder(own)
    folder = _MAIN if folder is None else folder
    package = _package(folder, own, around)
    unit = indentation((around.files[path] for path in own), "    ")
    existing = (around.files[path] for path in tests(around.files, (".java",)))
    path = join(folder, f"{name.pascal}.java")
    test_path = join(folder.replace(_MAIN, _TEST), f"{name.pascal}Test.java")
    files = (
        SkeletonFile(path, "java", _module(name, wish, package, unit)),
        SkeletonFile(test_path, "java", _test(name, package, unit, most(existing, _FRAMEWORKS, "junit5"))),
    )
    return Skeleton(name, files, (f"Call {name.pascal}.run ({path}) where the feature is needed.",))


def _package(folder: str, own: tuple[str, ...], around: Surroundings) -> str:
    """The clause with its empty line; nothing in the default package."""
    for path in own:
        if posixpath.dirname(path) == folder and (found := re.search(r"^package [\w.]+;", around.files[path], re.M)):
            return f"{found[0]}\n\n"
    return ""


def _module(name: Name, wish: str, package: str, unit: str) -> str:
    thrown = f'throw new UnsupportedOperationException("{name.pascal} is a skeleton: not built yet");'
    return (
        f"{package}{block_comment(wish)}\n"
        f"public final class {name.pascal} {{\n"
        f"{unit}private {name.pascal}() {{\n{unit}}}\n\n"
        f"{unit}/** Not built yet. */\n"
        f"{unit}public static void run() {{\n{unit}{unit}{thrown}\n{unit}}}\n}}\n"
    )


def _test(name: Name, package: str, unit: str, framework: str) -> str:
    reason = f'"skeleton: {name.pascal} is not built yet"'
    imports, annotations = {
        "junit5": (("org.junit.jupiter.api.Disabled", "org.junit.jupiter.api.Test"), ("@Test", f"@Disabled({reason})")),
        "junit4": (("org.junit.Ignore", "org.junit.Test"), ("@Test", f"@Ignore({reason})")),
        "testng": (("org.testng.annotations.Test",), (f"@Test(enabled = false, description = {reason})",)),
    }[framework]
    imported = "".join(f"import {name};\n" for name in imports)
    annotated = "".join(f"{unit}{annotation}\n" for annotation in annotations)
    return (
        f"{package}{imported}\npublic class {name.pascal}Test {{\n{annotated}"
        f"{unit}public void {name.camel}() {{\n{unit}{unit}{name.pascal}.run();\n{unit}}}\n}}\n"
    )
