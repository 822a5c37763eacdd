"""The `tallygate` command: one sub-command per service and per operator task, nothing else."""

import asyncio
import gc
import sys
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from starlette.types import ASGIApp

from services.cli import commands, sealing_keys
from services.cli.local_run import broker, database_settings, key_ring, signing_keys
from services.cli.problem import report_problem
from services.features import sealed_places as of_features
from services.gateway import sealed_places as of_gateway
from shared.client import ProblemError
from shared.crypto.signing import SigningKeys
from shared.db.migrate import Migration, migrations_of, require_migrated
from shared.db.migrate import migrate as apply_migrations
from shared.errors import TallygateError
from shared.kafka.admin import require_topics
from shared.kafka.real import RealBroker
from shared.service.listening import HttpSettings
from shared.service.serving import run_server
from shared.service.settings import ServiceSettings
from shared.telemetry.logs import configure_logs

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
serve = typer.Typer(no_args_is_help=True, help="Run a service, until SIGTERM.")
app.add_typer(serve, name="serve")
books = typer.Typer(no_args_is_help=True, help="Size of the books, how long they are kept, and their seals.")
app.add_typer(books, name="books")
commands.mount(app)

SEALED_PLACES = (*of_gateway.SEALED_PLACES, *of_features.SEALED_PLACES)
_MIGRATED = ("gateway", "monitor", "features", "jobs", "router")


@serve.command()
def gateway() -> None:
    """Run the gateway: HTTP in."""
    from services.gateway.app import make_app
    from services.gateway.settings import GatewaySettings

    settings = GatewaySettings()
    settings.sealing.key_ring()
    _serve("gateway", make_app(settings), settings)


@serve.command()
def router() -> None:
    """Run a router: claims requests and calls models."""
    from services.router.app import make_app
    from services.router.settings import RouterSettings

    settings = RouterSettings()
    settings.sealing.key_ring()
    _serve("router", make_app(settings), settings)


@serve.command()
def monitor() -> None:
    """Run the monitor: keeps the books."""
    from services.monitor.app import make_app
    from services.monitor.settings import MonitorSettings

    settings = MonitorSettings()
    _serve("monitor", make_app(settings), settings)


@serve.command()
def features() -> None:
    """Run a features worker: generates code."""
    from services.features.app import make_app
    from services.features.settings import FeaturesSettings

    settings = FeaturesSettings()
    settings.sealing.key_ring()
    _serve("features", make_app(settings), settings)


@serve.command()
def jobs() -> None:
    """Run a jobs worker: carries events to webhooks."""
    from services.jobs.app import make_app
    from services.jobs.settings import JobsSettings

    settings = JobsSettings()
    settings.sealing.key_ring()
    _serve("jobs", make_app(settings), settings)


@serve.command()
def console() -> None:
    """Run the console: the pages that people look at. It needs the gateway only."""
    from services.console.app import make_app
    from services.console.settings import ConsoleSettings

    settings = ConsoleSettings()
    settings.sealing.key_ring()
    _listen("console", make_app(settings), settings)


@app.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    tell = partial(typer.echo, err=True)
    applied = asyncio.run(apply_migrations(database_settings().dsn(), _migrations(), tell))
    for step in applied:
        typer.echo(f"applied {step.service}/{step.name}")
    typer.echo("the database is up to date")


@app.command(hidden=True)
def openapi() -> None:
    """Print the OpenAPI document of the gateway, which is docs/openapi.json."""
    from services.documents import openapi_document

    typer.echo(openapi_document(), nl=False)


@app.command(hidden=True)
def documents(
    docs: Annotated[Path, typer.Argument(help="The folder of the pages.")] = Path("docs"),
    check: Annotated[bool, typer.Option(help="Only compare; exit status 1 when a page differs.")] = False,
) -> None:
    """Write what is made from the code in docs/: headers.md, limits.md, openapi.json, the tables of settings.md."""
    from services.documents import differing, pages

    if check:
        for page in (different := differing(docs)):
            typer.echo(f"{page} differs from the code; renew it with: tallygate documents", err=True)
        raise typer.Exit(1 if different else 0)
    for page, text in pages(docs):
        page.write_text(text)


@app.command()
def audit(
    proof: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Hold the rows of this UTC day against its seals.")
    ] = None,
    export: Annotated[Path | None, typer.Option(help="With --proof: also write the day and its proof there.")] = None,
    from_file: Annotated[Path | None, typer.Option("--from", help="Verify such a file, without a database.")] = None,
    public_key: Annotated[
        str | None, typer.Option(help="As `tallygate books public-key` prints it. Default: TALLYGATE_SIGNING_KEYS.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Check from the topics and the database that the books balance; exit status 1 when they do not.

    With --proof or --from: whether a day is as it was sealed, and which rows were changed, taken out or put in.
    """
    day = proof.date() if proof is not None else None
    if from_file is not None:
        if export is not None:
            raise typer.BadParameter("--export goes with --proof DAY alone: a file of the day is there already")
        _audit_file(from_file, day, public_key, as_json)
        return
    if day is not None:
        _audit_day(day, export, public_key, as_json)
        return
    if export is not None or public_key is not None:
        raise typer.BadParameter("--export and --public-key go with --proof DAY")
    from services.monitor.audit.audit import run_audit
    from services.monitor.audit.report import progress, show
    from services.monitor.settings import MonitorSettings

    with progress() as seen:
        report = asyncio.run(run_audit(broker(), database_settings(), MonitorSettings().group, seen))
    show(report, as_json)
    if not report.balanced:
        raise typer.Exit(1)


def _audit_file(file: Path, day: date | None, public_key: str | None, as_json: bool) -> None:
    from services.monitor.proof.export import verify_export
    from services.monitor.proof.report import show_verdict

    verdict = verify_export(file, _keys_to_verify(public_key))
    if day not in (None, verdict.day):
        raise typer.BadParameter(f"{file} is of {verdict.day}")
    show_verdict(verdict, as_json)
    raise typer.Exit(0 if verdict.valid else 1)


def _audit_day(day: date, export: Path | None, public_key: str | None, as_json: bool) -> None:
    from services.monitor.proof.auditing import audit_day
    from services.monitor.proof.report import show_verdict
    from services.monitor.settings import MonitorSettings

    keys, after = _keys_to_verify(public_key), timedelta(seconds=MonitorSettings().seal_after_s)
    verdict = asyncio.run(audit_day(database_settings(), broker(), keys, day, after, export))
    show_verdict(verdict, as_json)
    raise typer.Exit(0 if verdict.valid else 1)


def _keys_to_verify(public_key: str | None) -> SigningKeys:
    return signing_keys() if public_key is None else SigningKeys.parse(public_key, "--public-key")


@books.command("seal")
def books_seal(
    day: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="A UTC day; today too.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Seal what is booked of a day by now. The monitor seals each day by itself when it is over.

    What comes later is held by a further seal. Exit status 1 when rows are not as they were sealed before.
    """
    from services.monitor.proof.auditing import seal_day
    from services.monitor.proof.report import show_sealed
    from services.monitor.settings import MonitorSettings

    after = timedelta(seconds=MonitorSettings().seal_after_s)
    sealed = asyncio.run(seal_day(database_settings(), broker(), signing_keys(), day.date(), after))
    show_sealed(sealed, as_json)
    if sealed.altered:
        raise typer.Exit(1)


@books.command("public-key")
def books_public_key() -> None:
    """Print the public keys of TALLYGATE_SIGNING_KEYS, with which others verify: tallygate audit --from FILE."""
    typer.echo(signing_keys().public_text())


@books.command("size")
def books_size(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Bytes and rows by table and day. It reads DATABASE_URL, or the local run's."""
    from services.monitor.retention.report import show_size

    show_size(database_settings(), as_json)


@books.command("prune")
def books_prune(
    days: Annotated[int | None, typer.Option(min=1, help="Default: TALLYGATE_MONITOR_RETENTION_DAYS.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Drop the rows of days that are older. Sums by hour, day and month stay, and what is open.

    The monitors do this by themselves. It can be stopped at any moment and run again.
    """
    from services.monitor.retention.report import show_pruned
    from services.monitor.settings import MonitorSettings

    kept = days or MonitorSettings().retention_days
    if not yes:
        typer.confirm(f"Drop all rows that are older than {kept} days?", abort=True)
    show_pruned(database_settings(), kept, as_json)


@sealing_keys.app.command("status")
def secrets_status(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Open every stored secret: how many are under which key, and which keys may be removed from TALLYGATE_KEYS.

    Exit status 1 when one cannot be opened. It reads DATABASE_URL and TALLYGATE_KEYS, or the local run's.

    How keys are changed: tallygate secrets rotate --help
    """
    from services.rotation.report import progress, show_status, status_as_json
    from services.rotation.rotation import run_inventory

    ring = key_ring()
    with progress() as seen:
        inventory = asyncio.run(run_inventory(database_settings(), ring, SEALED_PLACES, seen))
    show_status(status_as_json(ring, SEALED_PLACES, inventory), as_json)
    if inventory.unreadable:
        raise typer.Exit(1)


@sealing_keys.app.command("rotate")
def secrets_rotate(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Seal every stored secret anew that is not under the first key of TALLYGATE_KEYS, while the services run.

    The third of four steps:

    1. Make a key (tallygate secrets new-key --kid ID), put it second in TALLYGATE_KEYS everywhere, and restart.

    2. Put it first everywhere, and restart.

    3. tallygate secrets rotate

    4. tallygate secrets status; wait as long as it says, look again, remove the old key everywhere, and restart.

    It can be stopped at any moment and run again. It reads DATABASE_URL and TALLYGATE_KEYS, or the local run's.

    Exit status 1 when one cannot be opened: it is reported, and left as it is.
    """
    from services.rotation.report import progress, rotation_as_json, show_rotation
    from services.rotation.rotation import run_rotation

    ring = key_ring()
    with progress() as seen:
        rotation = asyncio.run(run_rotation(database_settings(), ring, SEALED_PLACES, seen))
    show_rotation(rotation_as_json(ring, SEALED_PLACES, rotation), as_json)
    if rotation.unreadable:
        raise typer.Exit(1)


def main() -> None:
    """Expected failures are one sentence on standard error, never a stack trace."""
    try:
        app()
    except TallygateError as error:
        typer.echo(f"{error.failure.detail}", err=True)
        for tip in error.failure.tips:
            typer.echo(f"  {tip}", err=True)
        sys.exit(1)
    except ProblemError as error:
        report_problem(error.problem)
        sys.exit(1)


def _serve(service: str, asgi: ASGIApp, settings: ServiceSettings) -> None:
    settings.database.dsn()
    settings.kafka.connection()
    asyncio.run(_require_what_it_stands_on(service, settings))
    _listen(service, asgi, settings)


def _listen(service: str, asgi: ASGIApp, settings: HttpSettings) -> None:
    configure_logs(service, settings.log_level)
    _collect_garbage_rarely()
    run_server(asgi, settings.host, settings.port, settings.connection_limits)


def _collect_garbage_rarely() -> None:
    """What was imported stays, and requests leave few cycles: the collector's usual pace took a tenth of the CPU."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def _require_what_it_stands_on(service: str, settings: ServiceSettings) -> None:
    """Raises ConfigurationError, which names the command to run."""
    await require_migrated(settings.database, _migrations())
    await require_topics(RealBroker(settings.kafka), service)


def _migrations() -> list[Migration]:
    return [step for service in _MIGRATED for step in migrations_of(service, _here() / service / "migrations")]


def _here() -> Path:
    return Path(__file__).parent


if __name__ == "__main__":
    main()
