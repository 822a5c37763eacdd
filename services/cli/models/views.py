"""Models, for people to read."""

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from services.cli.listing import Fields, Listing, Wrapped
from services.cli.output import cell, instant, plain, seconds, usd
from services.cli.step_views import steps_text

_SHOWN_CHARS = 300


def models_table(body: dict[str, Any]) -> RenderableType:
    if not body["models"]:
        return Text("There are no models. Register one: tallygate models add")
    made = Listing("model", "usable", "at", "calls it", "context", "$/Mtok in / out", numbers=("context",))
    for model in sorted(body["models"], key=lambda model: (model["kind"], model["id"])):
        usable = cell("✓", "green") if model["usable"] else cell("✗", "red")
        made.add_row(
            cell(model["id"], "bold"),
            usable,
            cell(model["server_address"]),
            cell(model["upstream_model"]),
            cell(model["context_window"]),
            cell(_price(model["price"])),
        )
    return Group(made, *_reasons(body["models"]))


def presets_table(body: dict[str, Any]) -> RenderableType:
    made = Listing("preset", "what", "endpoint", "key", "good to know")
    for preset in body["presets"]:
        known = preset["hint"] or (f"keys: {preset['key_from']}" if preset["key_from"] else "")
        made.add_row(
            cell(preset["name"], "bold"), *map(cell, (preset["title"], preset["endpoint_url"], preset["key"], known))
        )
    return Group(made, cell("Use one: tallygate models add --preset <preset>", "dim"))


def model_details(model: dict[str, Any]) -> RenderableType:
    fields = {name: value for name, value in model.items() if value not in (None, "", {})}
    return Fields([(name.replace("_", " "), cell(shown(name, value))) for name, value in fields.items()])


def tested_text(test: dict[str, Any]) -> Text:
    usage = test.get("usage") or {}
    made = f" → {usage['completion_tokens']}" if "completion_tokens" in usage else ""
    tokens = f", {usage['prompt_tokens']}{made} tokens" if "prompt_tokens" in usage else ""
    answer = plain(test["answer"])
    cut = answer if len(answer) <= _SHOWN_CHARS else answer[:_SHOWN_CHARS] + "…"
    text = steps_text(test.get("steps") or ())
    text.append("✓ ", "green").append(plain(test["model"]), "bold").append(f" answered in {seconds(test['latency_s'])}")
    text.append(f"{tokens}:\n  {cut}")
    attempts = test.get("attempts")
    tries = f"{attempts} attempt{'' if attempts == 1 else 's'}, " if attempts else ""
    return text.append(f"\n  {tries}timeline: tallygate show {plain(test['inference_id'])}", "dim")


def _reasons(models: list[dict[str, Any]]) -> list[Wrapped]:
    return [Wrapped(cell(f"{model['id']}: {model['reason']}", "dim")) for model in models if model["reason"]]


def _price(price: dict[str, float] | None) -> str:
    return f"{usd(price['input_per_mtok_usd'])} / {usd(price['output_per_mtok_usd'])}" if price else ""


def shown(name: str, value: Any) -> str:
    if name == "price":
        return f"{_price(value)} per million tokens in / out"
    if name.endswith("_at"):
        return f"{instant(value)} UTC"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    return str(value)
