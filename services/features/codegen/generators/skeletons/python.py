"""Pure: a skeleton in Python."""

import posixpath

from services.features.codegen.generators.skeletons.names import Name
from services.features.codegen.generators.skeletons.places import (
    declares,
    fullest_folder,
    indentation,
    join,
    most,
    sources,
    tests,
)
from services.features.codegen.generators.skeletons.values import Skeleton, SkeletonFile, Surroundings
from services.features.codegen.generators.skeletons.wording import comment_lines

_SUFFIXES = (".py",)
_MANIFEST = r"pyproject\.toml|setup\.(?:py|cfg)|Pipfile|tox\.ini|.*requirements.*\.(?:txt|in)"
_NO_HOME = frozenset({"setup.py", "noxfile.py", "manage.py"})


def python(name: Name, wish: str, around: Surroundings) -> Skeleton:
    own = [path for path in sources(around.files, _SUFFIXES) if path not in _NO_HOME]
    folder = fullest_folder(own) or ""
    path = join(folder, f"{name.snake}.py")
    unit = indentation((around.files[path] for path in own), "    ")
    module = _dotted(path, around)
    # Under pytest the tests of unittest run too: it is the one that is always there.
    with_pytest = "unittest" not in around.test_framework and declares(around.files, "pytest", _MANIFEST)
    files = (
        SkeletonFile(path, "python", _module(name, wish, unit)),
        SkeletonFile(_test_path(name, around), "python", _test(name, module, unit, with_pytest)),
    )
    return Skeleton(name, files, (f"Call {module}.{name.snake} where the feature is needed.",))


def _dotted(path: str, around: Surroundings) -> str:
    """As it is imported: from the folder that holds the outermost package, or from the root or src."""
    parts = path.removesuffix(".py").split("/")
    start = len(parts) - 1
    while start and join(*parts[:start], "__init__.py") in around.files:
        start -= 1
    if start == len(parts) - 1:
        start = 1 if parts[0] in ("src", "lib") and len(parts) > 1 else 0
    return ".".join(parts[start:])


def _test_path(name: Name, around: Surroundings) -> str:
    existing = [path for path in tests(around.files, _SUFFIXES) if posixpath.basename(path) != "__init__.py"]
    folder = fullest_folder(existing)
    naming = {"before": r"^test_.*\.py$", "after": r"^.*_test\.py$"}
    before = most((posixpath.basename(path) for path in existing), naming, "before") == "before"
    file_name = f"test_{name.snake}.py" if before else f"{name.snake}_test.py"
    return join("tests" if folder is None else folder, file_name)


def _module(name: Name, wish: str, unit: str) -> str:
    doc = "\n".join(comment_lines(wish))
    body = f'{unit}"""Not built yet."""\n{unit}raise NotImplementedError("{name.snake} is a skeleton")'
    return f'"""{doc}\n"""\n\n\ndef {name.snake}() -> None:\n{body}\n'


def _test(name: Name, module: str, unit: str, with_pytest: bool) -> str:
    imported = f"from {module} import {name.snake}"
    reason = f"skeleton: {name.snake} is not built yet"
    if not with_pytest:
        return (
            f"import unittest\n\n{imported}\n\n\n"
            f"class Test{name.pascal}(unittest.TestCase):\n"
            f'{unit}@unittest.skip("{reason}")\n'
            f"{unit}def test_{name.snake}(self) -> None:\n{unit}{unit}{name.snake}()\n"
        )
    return (
        f"import pytest\n\n{imported}\n\n\n"
        f'@pytest.mark.skip(reason="{reason}")\n'
        f"def test_{name.snake}() -> None:\n{unit}{name.snake}()\n"
    )
