"""The process: python -m tests.support.identity_provider.serving FOLDER PORT. Its database is in the folder. It answers
as django-oauth-toolkit does; tests set it up at `/set`."""

import json
import logging
import sys
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings

_LOGIN = """<!doctype html><html lang="en"><title>Provider</title>
<form method="post" action="?next={{ next|urlencode }}">{% csrf_token %}
<label>User<input name="username"></label><label>Password<input type="password" name="password"></label>
<button>Enter</button></form>"""


def configure(folder: Path) -> None:
    templates = ("django.template.loaders.locmem.Loader", {"registration/login.html": _LOGIN})
    settings.configure(
        SECRET_KEY="of tests only", ALLOWED_HOSTS=["*"], USE_TZ=True, ROOT_URLCONF=__name__,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "provider.sqlite")}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", SESSION_COOKIE_NAME="provider",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
        MIGRATION_MODULES={"auth": None, "contenttypes": None, "oauth2_provider": None},  # tables as they are now
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "loaders": [templates, "django.template.loaders.app_directories.Loader"],
                    "context_processors": ["django.template.context_processors.request"],
                },
            }
        ],
        LOGIN_URL="/login/",
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True, "OIDC_RSA_PRIVATE_KEY": _new_key(), "PKCE_REQUIRED": True,
            "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
            "OAUTH2_VALIDATOR_CLASS": "tests.support.identity_provider.validator.Validator",
            "SCOPES": {"openid": "who you are", "profile": "your name", "email": "your address"},
        },
    )  # fmt: skip
    django.setup()


def _new_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()


def _set(request: Any) -> Any:
    """JSON: what is not there stays. people: groups by name, whose password is the name. client: id, secret and
    addresses. expires_s: of ID tokens. issuer: how it calls itself. rotate: sign with another key from now on."""
    from django.contrib.auth.models import Group, User
    from django.http import HttpResponse
    from oauth2_provider.models import Application
    from oauth2_provider.settings import oauth2_settings

    asked = json.loads(request.body)
    for name, groups in asked.get("people", {}).items():
        user, is_new = User.objects.get_or_create(username=name)
        if is_new:
            user.set_password(name)
            user.save()
        user.groups.set([Group.objects.get_or_create(name=group)[0] for group in groups])
    if "client" in asked:
        client = asked["client"]
        Application.objects.update_or_create(
            client_id=client["id"],
            defaults={
                "client_secret": client["secret"], "client_type": "confidential", "algorithm": "RS256",
                "authorization_grant_type": "authorization-code", "skip_authorization": True,
                "redirect_uris": client["redirect_uri"], "post_logout_redirect_uris": client["signed_out_uri"],
            },
        )  # fmt: skip
    if "expires_s" in asked:
        oauth2_settings.ID_TOKEN_EXPIRE_SECONDS = asked["expires_s"]
    if "issuer" in asked:
        oauth2_settings.OIDC_ISS_ENDPOINT = asked["issuer"]
    if asked.get("rotate"):
        oauth2_settings.OIDC_RSA_PRIVATE_KEY = _new_key()
    return HttpResponse(status=204)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def main(folder: Path, port: int) -> None:
    configure(folder)
    logging.disable(logging.WARNING)
    from django.contrib.auth.views import LoginView
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application
    from django.urls import include, path

    global urlpatterns  # noqa: PLW0603
    urlpatterns = [
        path("", include("oauth2_provider.urls", namespace="oauth2_provider")),
        path("login/", LoginView.as_view()),
        path("set", _set),
    ]
    call_command("migrate", run_syncdb=True, verbosity=0)
    with make_server("127.0.0.1", port, get_wsgi_application(), _Server, _Quiet) as server:
        server.serve_forever()


urlpatterns: list[Any] = []

if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
