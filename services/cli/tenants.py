"""`tallygate tenants`: what each may do, and what it has spent."""

from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from services.cli import terms
from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.listing import Listing
from services.cli.output import cell, emit, instant
from services.cli.problem import refused, reports_problems
from shared.client import in_path

app = typer.Typer(no_args_is_help=True, help="Tenants: their plan, limits, budgets and spending.")
Tenant = Annotated[str, typer.Argument(metavar="TENANT")]


@app.command("list")
@reports_problems
def list_tenants(gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False) -> None:
    """List the tenants; without an admin key, your own."""
    emit(connect(gateway, key).get("/api/tenants").body, as_json, _listed)


@app.command()
@reports_problems
def show(tenant: Tenant, gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False) -> None:
    """Show a tenant's terms, where each comes from, and what was spent."""
    emit(connect(gateway, key).get(f"/api/tenants/{in_path(tenant)}").body, as_json, _details)


@app.command("set")
@reports_problems
def change(
    tenant: Tenant,
    plan: Annotated[str | None, typer.Option(help="The plan whose terms hold where the tenant has none.")] = None,
    policy: terms.Policy = None,
    provider_allow: terms.ProviderAllow = None,
    provider_deny: terms.ProviderDeny = None,
    usd_per_day: terms.UsdPerDay = None,
    usd_per_month: terms.UsdPerMonth = None,
    tokens_per_day: terms.TokensPerDay = None,
    tokens_per_month: terms.TokensPerMonth = None,
    rate_per_s: terms.RatePerS = None,
    burst: terms.Burst = None,
    max_in_flight: terms.MaxInFlight = None,
    result_retention_s: terms.ResultRetentionS = None,
    unset: Annotated[list[str] | None, typer.Option(help="Take this term back to the plan's; may be repeated.")] = None,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a tenant's own terms; what is not named stays. It holds everywhere within a second."""
    body = terms.given(
        plan=plan, policy=policy, provider_allow=provider_allow, provider_deny=provider_deny, usd_per_day=usd_per_day,
        usd_per_month=usd_per_month, tokens_per_day=tokens_per_day, tokens_per_month=tokens_per_month,
        rate_per_s=rate_per_s, burst=burst, max_in_flight=max_in_flight,
        result_retention_s=result_retention_s,
    )  # fmt: skip
    body |= {name.replace("-", "_"): None for name in unset or ()}
    if not body:
        raise refused("nothing to change was named", "See: tallygate tenants set --help")
    emit(connect(gateway, key).patch(f"/api/tenants/{in_path(tenant)}", body).body, as_json, _details)


def _listed(body: dict[str, Any]) -> RenderableType:
    numbers = ("keys", "models", "today USD", "this month USD")
    made = Listing("tenant", "plan", "policy", *numbers, numbers=numbers)
    for tenant in body["tenants"]:
        spent = tenant["spent"] or {"usd_day": 0.0, "usd_month": 0.0}
        values = (tenant["plan"], tenant["terms"]["policy"], tenant["keys"], tenant["models"])
        made.add_row(
            cell(tenant["tenant"], "bold"),
            *(cell(value) for value in values),
            cell(f"{spent['usd_day']:.4f}"),
            cell(f"{spent['usd_month']:.4f}"),
        )
    return made


def _details(body: dict[str, Any]) -> RenderableType:
    plan = f"plan {body['plan']}" if body["plan"] else "no plan"
    about = f"{plan} · {body['keys']} keys · {body['models']} models · since {instant(body['created_at'])} UTC"
    return Group(
        cell(body["tenant"], "bold"),
        cell(about, "dim"),
        terms.terms_table(body["terms"], body["own_terms"], body["spent"]),
    )
