"""`tallygate plans`: terms that many tenants share."""

from typing import Annotated, Any

import typer
from rich.console import RenderableType

from services.cli import terms
from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.listing import Listing
from services.cli.output import cell, emit, instant
from services.cli.problem import reports_problems
from shared.client import in_path

app = typer.Typer(no_args_is_help=True, help="Plans: terms that many tenants share.")
Plan = Annotated[str, typer.Argument(metavar="PLAN")]


@app.command("list")
@reports_problems
def list_plans(gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False) -> None:
    """List the plans and their terms."""
    emit(connect(gateway, key).get("/api/plans").body, as_json, _listed)


@app.command("set")
@reports_problems
def put(
    plan: Plan,
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
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a plan, or replace all of its terms. It holds for all its tenants within a second."""
    body = terms.given(
        policy=policy, provider_allow=provider_allow, provider_deny=provider_deny, usd_per_day=usd_per_day,
        usd_per_month=usd_per_month, tokens_per_day=tokens_per_day, tokens_per_month=tokens_per_month,
        rate_per_s=rate_per_s, burst=burst, max_in_flight=max_in_flight,
        result_retention_s=result_retention_s,
    )  # fmt: skip
    answer = connect(gateway, key).put(f"/api/plans/{in_path(plan)}", body).body
    emit(answer, as_json, lambda body: cell(f"✓ plan {body['plan']}: {_worded(body['terms'])}", "green"))


@app.command()
@reports_problems
def remove(plan: Plan, gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False) -> None:
    """Remove a plan that no tenant has."""
    connect(gateway, key).delete(f"/api/plans/{in_path(plan)}")
    emit({"plan": plan, "removed": True}, as_json, lambda _: cell(f"✓ plan {plan} is removed", "green"))


def _listed(body: dict[str, Any]) -> RenderableType:
    made = Listing("plan", "terms", "changed (UTC)")
    for plan in body["plans"]:
        made.add_row(cell(plan["plan"], "bold"), cell(_worded(plan["terms"])), cell(instant(plan["updated_at"])))
    return made if body["plans"] else cell("There are no plans. Make one: tallygate plans set free --usd-per-day 1")


def _worded(plan: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in plan.items()) or "no terms of its own"
