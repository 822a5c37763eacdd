"""Planted secrets come out, ordinary code stays."""

import random
import string
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.features.codegen.known_secrets import KnownSecrets
from services.features.codegen.reading.context import make_context
from services.features.codegen.reading.randomness import is_random
from services.features.codegen.reading.secrets import (
    MARK,
    known_secrets,
    remove_from_quotes,
    remove_known,
    remove_secrets,
)
from services.features.codegen.values import Repository
from tests.support.cpu_time import linear_fault

_LETTERS = string.ascii_letters + string.digits
_HEX = "0123456789abcdef"


def _made(prefix: str, length: int, alphabet: str = _LETTERS, seed: int = 7) -> str:
    """Written so that no scanner of our own repository takes it for a real one."""
    chosen = random.Random(seed + length)
    return prefix + "".join(chosen.choice(alphabet) for _ in range(length))


_KEY_BODY = "\n".join(_made("", 64, _LETTERS + "+/", seed) for seed in range(12))
SECRETS = {
    "AWS key": _made("AKIA", 16, string.ascii_uppercase + string.digits),
    "AWS temporary key": _made("ASIA", 16, string.ascii_uppercase + string.digits),
    "GitHub": _made("ghp_", 36),
    "GitHub app": _made("ghs_", 36),
    "GitHub fine-grained": _made("github_pat_", 82),
    "GitLab": _made("glpat-", 20),
    "Slack bot": "xoxb-" + _made("", 12, string.digits) + "-" + _made("", 24),
    "Stripe": _made("sk_live_", 24),
    "Stripe test": _made("sk_test_", 24),
    "OpenAI": _made("sk-", 48),
    "OpenAI project": _made("sk-proj-", 64),
    "Anthropic": _made("sk-ant-api03-", 90),
    "Google": _made("AIza", 35),
    "Google OAuth": _made("ya29.", 60),
    "Hugging Face": _made("hf_", 34),
    "npm": _made("npm_", 36),
    "JWT": _made("eyJ", 30) + "." + _made("eyJ", 60) + "." + _made("", 43),
}
_CARRIERS = (
    'x = "{}"',
    "// {}",
    "key: {}",
    "curl -H 'X: {}'",
    "export A={}",
    '{{"a": "{}"}}',
    "see ({}).",
    "<b>{}</b>",
)


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("carrier", _CARRIERS)
def test_known_tokens_are_removed_wherever_they_stand(carrier: str, secret: str) -> None:
    text = carrier.format(secret)
    cleaned = remove_secrets("a.py", f"before\n{text}\nafter\n")
    assert secret not in cleaned.text
    assert cleaned.count == 1
    assert cleaned.text.startswith("before\n")
    assert cleaned.text.endswith("\nafter\n")
    assert MARK in cleaned.text


@pytest.mark.parametrize(
    ("path", "text", "secret"),
    [
        ("a.py", 'password = "{}"', "Tr0ub4dor&3x"),
        ("a.py", "DB_PASSWORD: Final[str] = '{}'", "hunter2hunter2"),
        ("a.py", 'connect(passwd="{}")', "Zx9kLm2pQw"),
        ("a.py", 'os.environ["SECRET_KEY"] = "{}"', "p9v8n7q6m5z4x3c2"),
        ("a.py", 'token = (\n    "{}"\n)', "a8f5f167f44f4964e6c998dee827110c"),
        ("a.js", "const apiKey = `{}`;", "9f8b7c6d5e4f3a2b1c0d"),
        ("a.ts", "  clientSecret: string = '{}',", "qwe8RTY4uio2PAS6dfg"),
        ("a.go", 'dbPassword := "{}"', "Zx9!kLm2@pQ"),
        ("a.rb", "'secret_key_base' => '{}'", "f3a9c1e07b5d2846f3a9c1e07b5d2846"),
        ("a.json", '{{"api_key": "{}"}}', "9f8b7c6d5e4f3a2b1c0d"),
        ("a.yml", "password: {}", "s3cr3tP4ssw0rd"),
        ("a.yml", "  - api_token: {}", "9f8b7c6d5e4f3a2b1c0d"),
        ("conf.ini", "aws_secret_access_key = {}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzKEYq"),
        ("conf.ini", "aws_secret_access_key = {}", "xgzZZNXanlvZbnaKkHqUCWWiJVXYKgQuKZubxJB" + "7"),
        (".env.example", "export API_KEY={}", "abc123def456ghi789"),
        ("Dockerfile", "ENV DB_PASSWORD={}", "S3cr3tOfImage1"),
        ("a.xml", "<password>{}</password>", "S3cr3tXyz1"),
        ("a.cs", '"Server=x;Password={};Timeout=3"', "S3cr3t!!x"),
        ("a.py", 'url = "postgres://bob:{}@db.example/x"', "hunter22x"),
        ("a.py", '{{"Authorization": "Bearer {}"}}', "abcDEF123456ghiJKL789"),
        ("a.sh", "curl -H 'Authorization: Basic {}'", "dXNlcjpwYXNzdzByZDEyMw=="),
    ],
)
def test_values_that_their_names_give_away_are_removed(path: str, text: str, secret: str) -> None:
    cleaned = remove_secrets(path, text.format(secret))
    assert secret not in cleaned.text
    assert cleaned.count == 1


def test_random_keys_look_random_wherever_their_digits_stand() -> None:
    """Of keys with their only digit at the end, which are rare, one in 200 may pass for a name."""
    assert all(is_random(_made("", 40, seed=seed)) for seed in range(5000))
    assert sum(not is_random(_made("", 39, string.ascii_letters, seed) + "7") for seed in range(5000)) <= 25


_VALUE = _made("hX7", 13)
_FORMS = [
    ("Dockerfile", "ENV DB_PASSWORD {}"),
    ("Dockerfile.prod", "ENV A=1 DB_PASSWORD={} C=2"),
    ("Makefile", "DB_PASSWORD := {}"),
    ("rules.mk", "DB_PASSWORD ?= {}"),
    ("a.sh", "DB_PASSWORD={} ./run"),
    ("a.sh", "PGPASSWORD={} psql"),
    ("a.sh", "run --password={} --x"),
    ("a.sh", "run --password {}"),
    ("a.sh", 'export DB_PASS="{}"'),
    ("a.yml", "password: {} # comment"),
    ("a.yml", "password: |\n  {}"),
    ("a.yml", "password: >-\n  {}\n"),
    ("a.yml", "- name: DB_PASSWORD\n  value: {}"),
    ("a.yml", "{{password: {}, a: b}}"),
    ("a.yml", "x: ${{DB_PASSWORD:-{}}}"),
    ("a.json", '{{"name":"DB_PASSWORD","value":"{}"}}'),
    ("a.json", '{{\n  "name": "DB_PASSWORD",\n  "value": "{}"\n}}'),
    ("a.json", '{{"x": "{{\\"password\\": \\"{}\\"}}"}}'),
    ("a.xml", '<add key="ApiKey" value="{}"/>'),
    ("a.py", 'getenv("DB_PASSWORD", "{}")'),
    ("a.py", "os.environ.get('API_KEY', '{}')"),
    ("a.py", 'password = SecretStr("{}")'),
    ("a.py", 'run(["mysql", "--password", "{}"])'),
    ("a.py", 'run("mysql --password={} --x")'),
    ("a.js", "const key = process.env.API_KEY || '{}'"),
    ("a.go", 'const apiToken string = "{}"'),
    ("a.rs", 'const API_KEY: &str = "{}";'),
    ("a.c", '#define API_KEY "{}"'),
    ("a.c", 'char password[32] = "{}";'),
    ("a.py", 'url = "https://x.example/y?api_key={}"'),
    ("a.md", "see https://x.example/y?a=b&api_key={}&x=1"),
    ("a.sql", "ALTER USER bob WITH PASSWORD '{}';"),
    ("a.py", "db.run(\"CREATE USER bob IDENTIFIED BY '{}'\")"),
    ("", "nearest is line 2: 'password: {}'"),
    ("", "token: DB_PASSWORD={}"),
]


@pytest.mark.parametrize(("path", "text"), _FORMS)
def test_the_forms_that_files_have_for_them(path: str, text: str) -> None:
    cleaned = remove_secrets(path, text.format(_VALUE))
    assert _VALUE not in cleaned.text
    assert cleaned.count == 1
    assert _VALUE not in repr(KnownSecrets(cleaned.secrets))
    assert _VALUE not in remove_known(f"said {_VALUE} aloud", KnownSecrets(cleaned.secrets))


@pytest.mark.parametrize("phrase", ["correct horse battery staple", f"{_VALUE} 4711"])
def test_passphrases_are_removed_and_sentences_stay(phrase: str) -> None:
    assert phrase not in remove_secrets("a.py", f'password = "{phrase}"').text
    for sentence in ("enter your password here", "The passphrase of the archive", "a b c"):
        assert sentence in remove_secrets("a.py", f'password = "{sentence}"').text


def test_a_value_in_base64_is_removed_with_its_padding() -> None:
    value = _made("Zm9v", 18) + "=="
    assert value[:12] not in remove_secrets("a.yml", f"password: {value}\n").text


def test_what_is_known_is_found_wherever_it_stands() -> None:
    known = known_secrets({"a.yml": f"password: {_VALUE}\n", "b.py": 'x = "postgres://u:postgres@h/x"\n'})
    assert _VALUE not in remove_secrets("c.py", f"assert login({_VALUE!r})", known).text
    assert "postgres" in remove_secrets("c.py", "import postgres", known).text
    for cut in (_VALUE[:-3] + "…", f"…{_VALUE[4:]}", f"line: {_VALUE[5:]} and more"):
        assert _VALUE[5:-3] not in remove_from_quotes(cut, known)


def test_a_backslash_is_found_as_messages_quote_it() -> None:
    secret = "Tr0ub\\4dor" + _VALUE
    known = KnownSecrets([secret])
    assert _VALUE not in remove_known(f"line 2: {secret!r}", known)


def test_the_longest_of_those_that_start_alike_is_taken_out() -> None:
    known = KnownSecrets([_VALUE, _VALUE + "xyz9"])
    assert "xyz9" not in remove_known(f"{_VALUE}xyz9 {_VALUE}", known)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", 'password = os.environ["DB_PASSWORD"]'),
        ("a.py", "password = getpass('Password: ')"),
        ("a.py", 'password = "<your password>"'),
        ("a.py", 'password_label = "Password"'),
        ("a.py", 'TOKEN_RE = "[a-zA-Z0-9_]+"'),
        ("a.py", 'token_url = "https://login.example/oauth2/v2.0/token"'),
        ("a.py", 'secret_key_env = "DJANGO_SECRET_KEY2"'),
        ("a.py", 'f"postgres://{user}:{password}@{host}/x"'),
        ("a.py", "api_key = settings.api_key_v2"),
        ("a.yml", "password: ${DB_PASSWORD}"),
        ("a.yml", "secretName: my-app-secret-v2"),
        ("a.yml", "token: ${{ secrets.GITHUB_TOKEN }}"),
        ("a.py", 'BEGIN = "-----BEGIN PRIVATE KEY-----"\nEND = "-----END PRIVATE KEY-----"\n'),
        ("a.css", ".sk-folding-cube-animation-delay-three { color: red }"),
        ("a.py", 'key = "user_id"'),
        ("a.py", 'token = "Authorization"'),
    ],
)
def test_code_that_only_speaks_of_secrets_stays(path: str, text: str) -> None:
    assert remove_secrets(path, text).text == text


@pytest.mark.parametrize("kind", ["RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "EC PRIVATE KEY"])
@pytest.mark.parametrize("joint", ["\n", "\\n", '\\n"\n    "', "\n    "])
def test_private_keys_are_removed_whole(kind: str, joint: str) -> None:
    key = joint.join([f"-----BEGIN {kind}-----", *_KEY_BODY.split("\n"), f"-----END {kind}-----"])
    cleaned = remove_secrets("a.py", f'before\nKEY = "{key}"\nafter')
    assert not any(line in cleaned.text for line in _KEY_BODY.split("\n"))
    assert cleaned.text.startswith("before\nKEY = ")
    assert cleaned.text.endswith("\nafter")
    assert cleaned.removed == {"private key": 1}


def test_a_private_key_without_its_end_is_removed_too() -> None:
    cleaned = remove_secrets("a.txt", f"-----BEGIN RSA PRIVATE KEY-----\n{_KEY_BODY}\n\nSome prose follows it.\n")
    assert not any(line in cleaned.text for line in _KEY_BODY.split("\n"))
    assert "Some prose follows it." in cleaned.text


def test_removing_again_changes_nothing() -> None:
    once = remove_secrets("a.yml", "\n".join(f"password: {secret}" for secret in SECRETS.values())).text
    assert remove_secrets("a.yml", once).text == once


_ANYWHERE = st.text(alphabet=string.printable, max_size=60)


@given(st.sampled_from(sorted(SECRETS.values())), _ANYWHERE, _ANYWHERE)
def test_no_known_token_ever_reaches_a_context(secret: str, before: str, after: str) -> None:
    text = f"def limiter():\n    {before} {secret} {after}\n"
    repository = Repository({"limiter.py": text, "README.md": f"The limiter. {secret}\n"})
    context = make_context("change the limiter", repository, 2_000)
    assert context.files
    assert secret not in repr(context)
    assert context.secrets_removed >= 2


def test_every_kind_at_once_is_gone_from_the_context_and_counted() -> None:
    lines = [f'limit_{number} = "{secret}"' for number, secret in enumerate(SECRETS.values())]
    key = f"-----BEGIN PRIVATE KEY-----\n{_KEY_BODY}\n-----END PRIVATE KEY-----"
    repository = Repository({"limits.py": "\n".join(lines), "keys.md": f"limits\n{key}\n"})
    context = make_context("raise the limits", repository, 8_000)
    assert {file.path for file in context.files} == {"limits.py", "keys.md"}
    assert not any(secret in repr(context) for secret in SECRETS.values())
    assert _KEY_BODY.split("\n")[3] not in repr(context)
    assert context.secrets_removed == len(SECRETS) + 1


def test_the_standard_library_stays_as_it_is() -> None:
    """At most one removal for two million characters of code, some of it about tokens, passwords and keys."""
    root = Path(sysconfig.get_paths()["stdlib"])
    folders = ("asyncio", "email", "http", "urllib", "json", "logging", "unittest", "xml", "concurrent", "wsgiref", ".")
    texts = [path.read_text(errors="replace") for folder in folders for path in sorted((root / folder).glob("*.py"))]
    size, removed = sum(map(len, texts)), sum(remove_secrets("a.py", text).count for text in texts)
    assert size > 5_000_000
    assert removed <= size / 2_000_000


@pytest.mark.parametrize(
    "unit",
    ["-eyJaaaaaaaaaa", "password", "a", "a://", "a:", "-----BEGIN PRIVATE KEY-----\n", "password=", "token token ",
     "sk-", "eyJaaaaaaaaaa.eyJaaaaaaaaaa.", "<password", "\n", "=\n", "password: [({", "password='{{{{{{{{' ",
     "Bearer ", "password,", "token=token:", "token=%(", "token='a\\", "password = (", "password value ", "token\\'"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["a.yml", "a.py"])
def test_no_text_keeps_a_worker_busy(path: str, unit: str) -> None:
    assert not linear_fault(lambda text: remove_secrets(path, text), unit)
