"""Pure: what is left out by its path alone: what may hold secrets, and what nobody wrote by hand."""

from collections.abc import Set as AbstractSet

from shared.repository_paths import is_like, may_hold_secrets

MAY_HOLD_SECRETS = "may hold secrets"
NOT_BY_HAND = "vendored or generated"

_FOREIGN_FOLDERS = frozenset({
    "node_modules", "bower_components", "jspm_packages", ".git", ".hg", ".svn", "__pycache__", ".venv", "venv",
    "site-packages", ".tox", ".nox", ".eggs", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".next",
    ".nuxt", ".svelte-kit", ".gradle", ".terraform", ".bundle", "vendor", "third_party", "Pods", ".yarn", ".cache",
})  # fmt: skip
_BUILT_FOLDERS = frozenset({"dist", "target"})  # only beside a manifest: elsewhere they are names like any other
_MANIFESTS = (
    "package.json", "Cargo.toml", "pom.xml", "build.gradle", "build.gradle.kts", "build.sbt", "pyproject.toml",
    "setup.py", "setup.cfg", "lerna.json", "deno.json", "project.clj",
)  # fmt: skip
_LOCK_NAMES = frozenset({
    "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "poetry.lock", "uv.lock",
    "pdm.lock", "pipfile.lock", "cargo.lock", "gemfile.lock", "composer.lock", "go.sum", "go.work.sum", "mix.lock",
    "pubspec.lock", "packages.lock.json", "flake.lock", "deno.lock", "podfile.lock", "gradle.lockfile",
})  # fmt: skip
_GENERATED_NAMES = (
    "*.min.js", "*.min.css", "*.min.mjs", "*.bundle.js", "*.map", "*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*.pb.go",
    "*.g.dart", "*.designer.cs", "*.pyc", "*.snap",
)  # fmt: skip


def refusal_by_path(path: str, paths: AbstractSet[str]) -> str | None:
    """Why a file is not read; None when its path says nothing against it. paths: of all files there are."""
    if may_hold_secrets(path):
        return MAY_HOLD_SECRETS
    return NOT_BY_HAND if _not_by_hand(path, paths) else None


def _not_by_hand(path: str, paths: AbstractSet[str]) -> bool:
    *folders, name = path.split("/")
    if _FOREIGN_FOLDERS.intersection(folders) or any(folder.endswith(".egg-info") for folder in folders):
        return True
    if name.lower() in _LOCK_NAMES or is_like(name.lower(), _GENERATED_NAMES):
        return True
    built = [index for index, folder in enumerate(folders) if folder in _BUILT_FOLDERS]
    return any(_has_manifest("/".join(folders[:index]), paths) for index in built)


def _has_manifest(folder: str, paths: AbstractSet[str]) -> bool:
    return not folder or any(f"{folder}/{manifest}" in paths for manifest in _MANIFESTS)
