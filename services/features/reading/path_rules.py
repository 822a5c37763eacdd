"""Pure: what is left out by its path alone: what may hold secrets, and what nobody wrote by hand."""

import re
from collections.abc import Set as AbstractSet
from fnmatch import translate
from functools import lru_cache

MAY_HOLD_SECRETS = "may hold secrets"
NOT_BY_HAND = "vendored or generated"

_SECRET_FOLDERS = frozenset({".aws", ".ssh", ".gnupg", ".kube", ".azure", ".gcloud", ".terraform.d"})
_SECRET_NAMES = (
    ".env", ".env.*", "*.env", ".envrc", ".npmrc", ".yarnrc", ".pypirc", ".netrc", "_netrc", ".pgpass", ".my.cnf",
    ".htpasswd", ".git-credentials", ".dockercfg", ".s3cfg", ".boto", ".vault-token", ".vault_pass*",
    "*.pem", "*.key", "*.p12", "*.pfx", "*.p8", "*.jks", "*.keystore", "*.bks", "*.kdb", "*.kdbx", "*.ppk", "*.ovpn",
    "*.gpg", "*.asc", "*.agekey", "*.mobileprovision", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*",
    "credentials", "credentials.*", "*credentials.json", "*credentials.y*ml", "*credentials.yml.enc",
    "client_secret*.json",
    "secret", "secrets", "secret.*", "secrets.*", "*.secret", "*.secrets", "service-account*.json",
    "service_account*.json", "serviceaccount*.json", "*-firebase-adminsdk-*.json", "gcloud*.json",
    "*.tfstate", "*.tfstate.*", "*.tfvars", "*.tfvars.json", "master.key", "kubeconfig", "*.kubeconfig",
    "wp-config.php", "local_settings.py", "auth.json", "*.pgpass", "*.psafe3", "*.keychain*",
)  # fmt: skip
# Made to be read, or code that is about secrets: what is inside is cleaned like any other text.
_NOT_SECRET_NAMES = ("*.env.example", "*.env.sample", "*.env.template", "*.env.dist", "*.example", "*.pub")
_CODE_SUFFIXES = frozenset({
    "py", "pyi", "js", "mjs", "cjs", "jsx", "ts", "tsx", "go", "rs", "java", "kt", "rb", "c", "h", "cc", "cpp", "cs",
    "swift", "scala", "md", "rst", "html",
})  # fmt: skip
_EVEN_AS_CODE = frozenset({"wp-config.php", "local_settings.py"})

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


def may_hold_secrets(path: str) -> bool:
    *folders, name = path.lower().split("/")
    if _SECRET_FOLDERS.intersection(folders):
        return True
    if name in _EVEN_AS_CODE or (name == "config.json" and folders[-1:] == [".docker"]):
        return True
    if _is_like(name, _NOT_SECRET_NAMES) or name.rpartition(".")[2] in _CODE_SUFFIXES:
        return False
    return _is_like(name, _SECRET_NAMES)


def _not_by_hand(path: str, paths: AbstractSet[str]) -> bool:
    *folders, name = path.split("/")
    if _FOREIGN_FOLDERS.intersection(folders) or any(folder.endswith(".egg-info") for folder in folders):
        return True
    if name.lower() in _LOCK_NAMES or _is_like(name.lower(), _GENERATED_NAMES):
        return True
    built = [index for index, folder in enumerate(folders) if folder in _BUILT_FOLDERS]
    return any(_has_manifest("/".join(folders[:index]), paths) for index in built)


def _has_manifest(folder: str, paths: AbstractSet[str]) -> bool:
    return not folder or any(f"{folder}/{manifest}" in paths for manifest in _MANIFESTS)


def _is_like(name: str, patterns: tuple[str, ...]) -> bool:
    return _one_of(patterns).match(name) is not None


@lru_cache(maxsize=8)
def _one_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(pattern) for pattern in patterns))
