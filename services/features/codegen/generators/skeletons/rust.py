"""Pure: a skeleton in Rust."""

import posixpath

from services.features.codegen.generators.skeletons.names import Name
from services.features.codegen.generators.skeletons.places import fullest_folder, indentation, join, sources
from services.features.codegen.generators.skeletons.values import Skeleton, SkeletonFile, Surroundings
from services.features.codegen.generators.skeletons.wording import line_comment

_OTHER_CRATES = ("build.rs",)


def rust(name: Name, wish: str, around: Surroundings) -> Skeleton:
    own = [path for path in sources(around.files, (".rs",)) if posixpath.basename(path) not in _OTHER_CRATES]
    crate = _crate(own)
    unit = indentation((around.files[path] for path in own), "    ")
    root = next(
        (path for path in (join(crate, "src/lib.rs"), join(crate, "src/main.rs")) if path in around.files), None
    )
    path = join(crate, "src", f"{name.snake}.rs")
    files = (
        SkeletonFile(path, "rust", _module(name, wish, unit)),
        SkeletonFile(join(crate, "tests", f"{name.snake}.rs"), "rust", _test(name, unit)),
    )
    declare = f"Add `pub mod {name.snake};` to {root or join(crate, 'src/lib.rs')}: until then {path} is not compiled."
    return Skeleton(name, files, (declare, f"Call {name.snake}::{name.snake} where the feature is needed."))


def _crate(own: list[str]) -> str:
    """The folder of the crate with the fullest sources."""
    parts = (fullest_folder(path for path in own if "src" in path.split("/")) or "").split("/")
    return "/".join(parts[: parts.index("src")]) if "src" in parts else ""


def _module(name: Name, wish: str, unit: str) -> str:
    body = f'{unit}todo!("{name.snake} is a skeleton")'
    return f"{line_comment(wish, '//!')}\n\n/// Not built yet.\npub fn {name.snake}() {{\n{body}\n}}\n"


def _test(name: Name, unit: str) -> str:
    ignored = f'#[ignore = "skeleton: {name.snake} is not built yet"]'
    body = f'{unit}todo!("call {name.snake} and check what it does")'
    return f"#[test]\n{ignored}\nfn {name.snake}() {{\n{body}\n}}\n"
