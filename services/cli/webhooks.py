"""`tallygate webhooks`: have events sent to an address, and see what became of each."""

import time
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.listing import Fields, Listing
from services.cli.output import cell, emit, instant
from services.cli.problem import reports_problems
from shared.client import Client, in_path
from shared.client.requests import WEBHOOKS
from shared.webhooks import EVENT_TYPES

app = typer.Typer(no_args_is_help=True, help="Webhooks: have events sent to an address of yours.")

_LOOK_EVERY_S = 0.3
_TIMES = ("delivered_at", "failing_since", "rests_until", "disabled_at", "old_secret_until")
_STYLES = {"delivered": "green", "waiting": "yellow", "failed": "red"}

WebhookArgument = Annotated[str, typer.Argument(metavar="WEBHOOK", help="As `webhooks list` shows it.")]


@app.command("list")
@reports_problems
def list_webhooks(gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False) -> None:
    """List your tenant's webhooks."""
    emit(connect(gateway, key).get(WEBHOOKS).body, as_json, _listed)


@app.command()
@reports_problems
def add(
    url: Annotated[str, typer.Argument(help="Where events are sent.")],
    event: Annotated[list[str], typer.Option(help=f"Of {', '.join(EVENT_TYPES)}; may be repeated.")],
    name: Annotated[str, typer.Option(help="To know it again.")] = "",
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have events sent to an address from now on. The secret that signs them is shown this once."""
    body = {"url": url, "events": event, "name": name}
    emit(connect(gateway, key).post(WEBHOOKS, body).body, as_json, _made)


@app.command()
@reports_problems
def show(
    webhook: WebhookArgument,
    state: Annotated[str | None, typer.Option(help="Only deliveries that are delivered, waiting or failed.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Deliveries.")] = 20,
    cursor: Annotated[str | None, typer.Option(help="As the page before ends with.")] = None,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a webhook and its deliveries, the newest first, with what its receiver answered."""
    client = connect(gateway, key)
    found = client.get(_path(webhook)).body
    deliveries = client.get(f"{_path(webhook)}/deliveries", state=state, limit=str(limit), cursor=cursor).body
    emit({"webhook": found, "deliveries": deliveries}, as_json, _shown)


@app.command("test")
@reports_problems
def send_test(
    webhook: WebhookArgument,
    wait_s: Annotated[float, typer.Option(min=0, max=600, help="For its first try.")] = 20.0,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a test event, and say what the receiver answered; exit status 1 unless it was taken."""
    client = connect(gateway, key)
    delivery = client.post(f"{_path(webhook)}/test", {}).body
    _emit_tried(_tried(client, webhook, delivery, [], wait_s), as_json)


@app.command()
@reports_problems
def redeliver(
    webhook: WebhookArgument,
    delivery: Annotated[str, typer.Argument(help="As `webhooks show` shows it.")],
    wait_s: Annotated[float, typer.Option(min=0, max=600, help="For its next try.")] = 20.0,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a delivery once more, under the same id; exit status 1 unless it was taken."""
    client = connect(gateway, key)
    path = f"{_path(webhook)}/deliveries/{in_path(delivery)}"
    before = client.get(path).body["tries"]
    again = client.post(f"{path}/redeliver", {}).body
    _emit_tried(_tried(client, webhook, again, before, wait_s), as_json)


@app.command()
@reports_problems
def rotate(
    webhook: WebhookArgument,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a new secret. For a day deliveries are signed with the one before, too."""
    emit(connect(gateway, key).post(f"{_path(webhook)}/rotate-secret", {}).body, as_json, _rotated)


@app.command()
@reports_problems
def enable(
    webhook: WebhookArgument,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Enable a webhook that was disabled; it gets what waited for it."""
    body = connect(gateway, key).patch(_path(webhook), {"enabled": True}).body
    emit(body, as_json, lambda body: cell(f"✓ {body['id']} is enabled; {body['waiting']} deliveries wait", "green"))


@app.command()
@reports_problems
def remove(
    webhook: WebhookArgument,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a webhook with its deliveries; what waits is not sent any more."""
    connect(gateway, key).delete(_path(webhook))
    emit({"id": webhook, "removed": True}, as_json, lambda _: cell(f"✓ webhook {webhook} is removed", "green"))


def _path(webhook: str) -> str:
    return f"{WEBHOOKS}/{in_path(webhook)}"


def _tried(client: Client, webhook: str, delivery: Any, before: list[Any], wait_s: float) -> Any:
    """The delivery once it has been tried after those tries; as it is when the time is over."""
    ends_at = time.monotonic() + wait_s
    while delivery["tries"][-1:] == before[-1:] and time.monotonic() < ends_at:
        time.sleep(_LOOK_EVERY_S)
        delivery = client.get(f"{_path(webhook)}/deliveries/{in_path(delivery['id'])}").body
    return delivery


def _emit_tried(delivery: Any, as_json: bool) -> None:
    emit(delivery, as_json, _told)
    if delivery["state"] != "delivered":
        raise typer.Exit(1)


def _told(delivery: dict[str, Any]) -> RenderableType:
    if delivery["state"] == "delivered":
        return cell(f"✓ {delivery['id']} was taken", "green")
    if not delivery["tries"]:
        return cell(
            f"{delivery['id']} has not been tried yet: see `tallygate webhooks show`, `tallygate status`", "yellow"
        )
    again = f"; again at {instant(delivery['next_try_at'])} UTC" if delivery["next_try_at"] else ""
    return cell(f"✗ {delivery['id']}: the receiver {delivery['tries'][-1]['error']}{again}", "red")


def _made(body: dict[str, Any]) -> RenderableType:
    about = f"webhook {body['id']}: {', '.join(body['events'])}. The secret is not shown again."
    return Group(cell(body["secret"], "bold"), cell(about, "dim"))


def _rotated(body: dict[str, Any]) -> RenderableType:
    until = f"The secret before signs too until {instant(body['old_secret_until'])} UTC. This one is not shown again."
    return Group(cell(body["secret"], "bold"), cell(until, "dim"))


def _listed(body: dict[str, Any]) -> RenderableType:
    made = Listing("webhook", "state", "waiting", "events", "name", "url", numbers=("waiting",))
    for one in body["webhooks"]:
        values = (" ".join(one["events"]), one["name"], one["url"])
        made.add_row(cell(one["id"]), _state(one), cell(one["waiting"]), *map(cell, values))
    return made if body["webhooks"] else cell("There are no webhooks. Add one: tallygate webhooks add URL --event TYPE")


def _state(one: dict[str, Any]) -> Text:
    if not one["enabled"]:
        return cell("disabled", "red")
    return cell("failing", "yellow") if one["failing_since"] else cell("enabled", "green")


def _shown(body: dict[str, Any]) -> RenderableType:
    one, deliveries = body["webhook"], body["deliveries"]
    fields = [("url", cell(one["url"])), ("events", cell(" ".join(one["events"]))), ("state", _state(one))]
    fields += [(name, cell(one[name], "red")) for name in ("disabled_because",) if one[name]]
    fields += [(name, cell(f"{instant(one[name])} UTC")) for name in _TIMES if one[name]]
    fields += [("dropped", cell(f"{one['dropped']}, as too many waited", "red"))] if one["dropped"] else []
    return Group(Fields(fields), cell(""), _deliveries(deliveries))


def _deliveries(page: dict[str, Any]) -> RenderableType:
    made = Listing("delivery", "type", "state", "accepted (UTC)", "tries", "the last said", numbers=("tries",))
    for one in page["items"]:
        last = one["tries"][-1] if one["tries"] else {}
        words = (last.get("error") or str(last.get("status") or "")) if last else ""
        state = cell(one["state"], _STYLES[one["state"]])
        made.add_row(cell(one["id"]), cell(one["type"]), state, cell(instant(one["accepted_at"])),
                     cell(len(one["tries"])), cell(words))  # fmt: skip
    if not page["items"]:
        return cell("There are no deliveries.")
    more = [cell(f"More: --cursor {page['next_cursor']}", "dim")] if page["next_cursor"] else []
    return Group(made, *more)
