"""Pure: what the path of a file in a repository says: whether it may hold secrets, and whether a pattern means it."""

import re
import unicodedata
from collections.abc import Iterable
from fnmatch import fnmatchcase, translate
from functools import lru_cache

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


def may_hold_secrets(path: str) -> bool:
    *folders, name = path.lower().split("/")
    if _SECRET_FOLDERS.intersection(folders):
        return True
    if name in _EVEN_AS_CODE or (name == "config.json" and folders[-1:] == [".docker"]):
        return True
    if is_like(name, _NOT_SECRET_NAMES) or name.rpartition(".")[2] in _CODE_SUFFIXES:
        return False
    return is_like(name, _SECRET_NAMES)


def matches_any(path: str, patterns: Iterable[str]) -> bool:
    """Patterns are read from the root; ** stands for any folders, a pattern with no / for a name in any folder, and one
    without wildcards also for all that lies below it."""
    plain = unicodedata.normalize("NFC", path)
    return any(_matches(plain, unicodedata.normalize("NFC", pattern)) for pattern in patterns)


def is_like(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a name, without folders and in lower case, is like one of these."""
    return _one_of(patterns).match(name) is not None


@lru_cache(maxsize=8)
def _one_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(pattern) for pattern in patterns))


def _matches(path: str, pattern: str) -> bool:
    plain = pattern.strip().removeprefix("./").removeprefix("/")
    if not plain:
        return False
    if not set("*?[") & set(plain):
        folder = plain.rstrip("/")
        return path == plain or path.startswith(folder + "/")
    if plain.endswith("/"):
        plain += "**"
    if "/" not in plain and plain != "**":
        return fnmatchcase(path.rsplit("/", 1)[-1], plain)
    return _match_parts(path.split("/"), plain.split("/"))


def _match_parts(names: list[str], patterns: list[str]) -> bool:
    """By a table, so that many ** cost no more than names times patterns. reach[i]: the first i names are matched."""
    reach = [True] + [False] * len(names)
    for pattern in patterns:
        if pattern == "**":
            first = reach.index(True) if True in reach else len(reach)
            reach = [index >= first for index in range(len(reach))]
        else:
            reach = [False] + [
                before and fnmatchcase(name, pattern) for before, name in zip(reach, names, strict=False)
            ]
    return reach[-1]
