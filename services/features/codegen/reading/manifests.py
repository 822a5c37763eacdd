"""Pure: what a repository depends on, by its manifests, as far as the names are known here.

Manifests are read by lines and patterns where their own parsers could be led astray; a manifest that cannot be read
says nothing.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from services.features.codegen.declared import (
    cargo_names,
    package_json_names,
    pyproject_names,
    read_json,
    read_toml,
    requirement_names,
    table,
)

MANIFESTS = frozenset({
    "pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "Pipfile", "environment.yml", "package.json",
    "deno.json", "go.mod", "Cargo.toml", "pom.xml", "build.gradle", "build.gradle.kts", "build.sbt", "Gemfile",
    "composer.json", "mix.exs", "pubspec.yaml", "Package.swift", "CMakeLists.txt", "Makefile", "project.clj",
})  # fmt: skip

_MAX_CHARS = 100_000
_MAX_MANIFESTS = 50

_FRAMEWORKS = {
    "python": {
        "django": "Django", "djangorestframework": "Django REST framework", "flask": "Flask", "fastapi": "FastAPI",
        "starlette": "Starlette", "aiohttp": "aiohttp", "tornado": "Tornado", "sanic": "Sanic", "litestar": "Litestar",
        "quart": "Quart", "pyramid": "Pyramid", "sqlalchemy": "SQLAlchemy", "pydantic": "Pydantic", "celery": "Celery",
        "faststream": "FastStream", "typer": "Typer", "click": "Click", "streamlit": "Streamlit", "numpy": "NumPy",
        "pandas": "pandas", "torch": "PyTorch", "tensorflow": "TensorFlow", "scrapy": "Scrapy", "grpcio": "gRPC",
        "httpx": "HTTPX", "requests": "Requests", "alembic": "Alembic",
    },
    "javascript": {
        "react": "React", "next": "Next.js", "vue": "Vue", "nuxt": "Nuxt", "svelte": "Svelte",
        "@sveltejs/kit": "SvelteKit", "@angular/core": "Angular", "express": "Express", "koa": "Koa",
        "fastify": "Fastify", "@nestjs/core": "NestJS", "hono": "Hono", "astro": "Astro", "@remix-run/react": "Remix",
        "solid-js": "Solid", "electron": "Electron", "react-native": "React Native", "prisma": "Prisma",
        "tailwindcss": "Tailwind CSS", "vite": "Vite", "webpack": "webpack", "rollup": "Rollup", "redux": "Redux",
        "graphql": "GraphQL", "socket.io": "Socket.IO", "typescript": "TypeScript",
    },
    "go": {
        "github.com/gin-gonic/gin": "Gin", "github.com/labstack/echo": "Echo", "github.com/gofiber/fiber": "Fiber",
        "github.com/go-chi/chi": "chi", "github.com/gorilla/mux": "gorilla/mux", "google.golang.org/grpc": "gRPC",
        "github.com/spf13/cobra": "Cobra", "gorm.io/gorm": "GORM", "k8s.io/client-go": "Kubernetes client",
        "github.com/stretchr/testify": "testify",
    },
    "rust": {
        "tokio": "Tokio", "axum": "axum", "actix-web": "Actix Web", "rocket": "Rocket", "warp": "warp",
        "hyper": "hyper",
        "serde": "Serde", "clap": "clap", "diesel": "Diesel", "sqlx": "SQLx", "tonic": "tonic", "bevy": "Bevy",
        "tauri": "Tauri", "leptos": "Leptos",
    },
    "jvm": {
        "spring-boot": "Spring Boot", "spring-core": "Spring", "spring-webmvc": "Spring", "quarkus": "Quarkus",
        "micronaut": "Micronaut", "ktor": "Ktor", "hibernate": "Hibernate", "dropwizard": "Dropwizard",
        "vertx-core": "Vert.x", "akka": "Akka",
    },
    "ruby": {"rails": "Ruby on Rails", "sinatra": "Sinatra", "hanami": "Hanami", "sidekiq": "Sidekiq"},
    "php": {
        "laravel/framework": "Laravel", "symfony/framework-bundle": "Symfony", "symfony/symfony": "Symfony",
        "slim/slim": "Slim", "doctrine/orm": "Doctrine",
    },
    "elixir": {"phoenix": "Phoenix", "ecto": "Ecto"},
    "dart": {"flutter": "Flutter"},
    "dotnet": {
        "Microsoft.AspNetCore.App": "ASP.NET Core", "Microsoft.NET.Sdk.Web": "ASP.NET Core",
        "Microsoft.EntityFrameworkCore": "Entity Framework Core",
    },
}  # fmt: skip
_TEST_FRAMEWORKS = {
    "python": {"pytest": "pytest", "nose2": "nose2"},
    "javascript": {
        "vitest": "Vitest", "jest": "Jest", "mocha": "Mocha", "ava": "AVA", "jasmine": "Jasmine", "uvu": "uvu",
        "tape": "tape", "tap": "tap", "@playwright/test": "Playwright", "cypress": "Cypress",
    },
    "jvm": {"junit-jupiter": "JUnit 5", "junit-bom": "JUnit 5", "junit": "JUnit 4", "testng": "TestNG"},
    "ruby": {"rspec": "RSpec", "rspec-rails": "RSpec", "minitest": "Minitest"},
    "php": {"phpunit/phpunit": "PHPUnit", "pestphp/pest": "Pest"},
    "dotnet": {"xunit": "xUnit", "NUnit": "NUnit", "MSTest.TestFramework": "MSTest"},
    "dart": {"flutter_test": "flutter_test", "test": "test"},
}  # fmt: skip

_QUOTED = re.compile(r"[\"']([A-Za-z0-9][A-Za-z0-9._-]{0,80})")
_GO_REQUIRE = re.compile(r"^[ \t]*(?:require[ \t]{1,8})?([\w.-]{1,100}/[\w./-]{1,200})[ \t]{1,8}v\d", re.MULTILINE)
_ARTIFACT = re.compile(r"<artifactId>\s*([\w.-]{1,80})\s*<")
_GRADLE = re.compile(r"[\"']([\w.-]{1,80}):([\w.-]{1,80})|id\s*\(?[\"']([\w.-]{1,80})")
_GEM = re.compile(
    r"^[ \t]*gem[ \t]+[\"']([\w-]+)|add_(?:development_|runtime_)?dependency\(?\s*[\"']([\w-]+)", re.MULTILINE
)
_MIX = re.compile(r"\{\s*:(\w+)")
_YAML_KEY = re.compile(r"^[ \t]{2,4}([a-z_][\w-]{0,80})[ \t]{0,8}:", re.MULTILINE)
_DOTNET = re.compile(r"(?:Include|Sdk)=\"([\w.]{1,100})\"")


def frameworks(files: Mapping[str, str]) -> tuple[str, ...]:
    """In the words of their makers, sorted."""
    known = (_FRAMEWORKS.get(ecosystem, {}).get(name) for ecosystem, name in dependencies(files))
    return tuple(sorted({name for name in known if name}, key=str.lower))


def named_test_frameworks(files: Mapping[str, str]) -> list[str]:
    """The ones that the manifests name, those of the root's first."""
    known = (_TEST_FRAMEWORKS.get(ecosystem, {}).get(name) for ecosystem, name in dependencies(files))
    return list(dict.fromkeys(name for name in known if name))


def dependencies(files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Ecosystem and name, as the manifests tell them."""
    manifests = [path for path in files if _reader(path.rsplit("/", 1)[-1]) is not None]
    for path in sorted(manifests, key=lambda path: (path.count("/"), path))[:_MAX_MANIFESTS]:
        found = _reader(path.rsplit("/", 1)[-1])
        if found is None or len(files[path]) > _MAX_CHARS:
            continue
        ecosystem, read = found
        for name in read(files[path]):
            yield ecosystem, _normal(ecosystem, name)


def _normal(ecosystem: str, name: str) -> str:
    if ecosystem == "python":
        return re.sub(r"[-_.]+", "-", name).lower()
    if ecosystem == "go":
        return re.sub(r"/v\d+$", "", name)
    if ecosystem == "jvm":
        return next((known for known in _FRAMEWORKS["jvm"] if name.startswith(known)), name)
    return name


def _reader(name: str) -> tuple[str, Callable[[str], list[str]]] | None:
    if name in _READERS:
        return _READERS[name]
    if re.fullmatch(r"requirements.*\.(?:txt|in)", name):
        return "python", _requirements
    if name.endswith(".csproj"):
        return "dotnet", _DOTNET.findall
    return ("ruby", _all_groups(_GEM)) if name.endswith(".gemspec") else None


def _requirements(text: str) -> list[str]:
    return requirement_names(text.splitlines())


def _pyproject(text: str) -> list[str]:
    data = read_toml(text)
    return [*pyproject_names(data), *(name for name in ("pytest",) if name in table(data, "tool"))]


def _pipfile(text: str) -> list[str]:
    data = read_toml(text)
    return [*table(data, "packages"), *table(data, "dev-packages")]


def _cargo(text: str) -> list[str]:
    return cargo_names(read_toml(text))


def _package_json(text: str) -> list[str]:
    return package_json_names(read_json(text))


def _composer(text: str) -> list[str]:
    data = read_json(text)
    return [*table(data, "require"), *table(data, "require-dev")]


def _gradle(text: str) -> list[str]:
    return [name for group, artifact, plugin in _GRADLE.findall(text) for name in (artifact, group, plugin) if name]


def _all_groups(pattern: re.Pattern[str]) -> Callable[[str], list[str]]:
    return lambda text: [name for names in pattern.findall(text) for name in names if name]


_READERS: dict[str, tuple[str, Callable[[str], list[str]]]] = {
    "pyproject.toml": ("python", _pyproject),
    "setup.cfg": ("python", _requirements),
    "setup.py": ("python", _QUOTED.findall),
    "tox.ini": ("python", _requirements),
    "environment.yml": ("python", _requirements),
    "Pipfile": ("python", _pipfile),
    "package.json": ("javascript", _package_json),
    "go.mod": ("go", _GO_REQUIRE.findall),
    "Cargo.toml": ("rust", _cargo),
    "pom.xml": ("jvm", _ARTIFACT.findall),
    "build.gradle": ("jvm", _gradle),
    "build.gradle.kts": ("jvm", _gradle),
    "Gemfile": ("ruby", _all_groups(_GEM)),
    "composer.json": ("php", _composer),
    "mix.exs": ("elixir", _MIX.findall),
    "pubspec.yaml": ("dart", _YAML_KEY.findall),
}
