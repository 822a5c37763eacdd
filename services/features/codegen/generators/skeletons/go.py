"""Pure: a skeleton in Go."""

import posixpath
import re

from services.features.codegen.generators.skeletons.names import Name
from services.features.codegen.generators.skeletons.places import fullest_folder, join, sources
from services.features.codegen.generators.skeletons.values import Skeleton, SkeletonFile, Surroundings
from services.features.codegen.generators.skeletons.wording import line_comment

# A file whose name ends so is built for that system only.
_SYSTEMS_WORDS = "aix android darwin freebsd illumos ios js linux netbsd openbsd plan9 solaris wasip1 windows"
_SYSTEMS = frozenset(_SYSTEMS_WORDS.split())
_PROCESSORS_WORDS = "386 amd64 arm arm64 loong64 mips mips64 ppc64 ppc64le riscv64 s390x wasm"
_PROCESSORS = frozenset(_PROCESSORS_WORDS.split())


def go(name: Name, wish: str, around: Surroundings) -> Skeleton:
    if name.words[-1] in _SYSTEMS | _PROCESSORS:
        name = name.and_word("feature")
    own = sources(around.files, (".go",))
    folder = fullest_folder(own) or ""
    package = _package(folder, own, around)
    path = join(folder, f"{name.snake}.go")
    files = (
        SkeletonFile(path, "go", _module(name, wish, package)),
        SkeletonFile(join(folder, f"{name.snake}_test.go"), "go", _test(name, package)),
    )
    return Skeleton(name, files, (f"Call {name.pascal} of package {package} ({path}) where the feature is needed.",))


def _package(folder: str, own: tuple[str, ...], around: Surroundings) -> str:
    for path in own:
        if posixpath.dirname(path) == folder and (found := re.search(r"^package (\w+)", around.files[path], re.M)):
            return found[1]
    return "main"


def _module(name: Name, wish: str, package: str) -> str:
    return (
        f"{line_comment(wish, '//')}\n\npackage {package}\n\n"
        'import "errors"\n\n'
        f"// {name.pascal} is not built yet.\n"
        f'func {name.pascal}() error {{\n\treturn errors.New("{name.snake} is a skeleton: not built yet")\n}}\n'
    )


def _test(name: Name, package: str) -> str:
    return (
        f'package {package}\n\nimport "testing"\n\n'
        f"func Test{name.pascal}(t *testing.T) {{\n"
        f'\tt.Skip("skeleton: {name.pascal} is not built yet")\n'
        f"\tif err := {name.pascal}(); err != nil {{\n\t\tt.Fatal(err)\n\t}}\n}}\n"
    )
