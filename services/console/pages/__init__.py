"""The pages, in the order of the navigation. A further one is a file here, a template, and its row.

    async def show(visit: Visit) -> View:
        listed = await visit.gateway.get("/api/models/list", {"q": visit.query.get("q")})
        return View("models.html", "Models", {"models": listed["models"]}, refresh_s=10)

    Page("Models", "models", (get("/models", models.show), post("/models/{model_id}/test", models.test)))

What the gateway refuses becomes its page by itself (`answering.py`); where a page can do without one of its answers,
it asks by `visit.gateway.part`. Ids that go into a path go through `shared.client.in_path`. A POST reads
`forms.read_form` and ends in `RedirectResponse(path, 303)`, or in the View that says what is wrong. Templates extend
base.html, fill the block `page`, and take headings, figures, states, tables and empty states from macros.html.
"""

from services.console.pages import (
    background,
    batches,
    changes,
    errors,
    features,
    files,
    inference,
    inferences,
    instances,
    keys,
    models,
    overview,
    playground,
    spending,
    webhooks,
)
from services.console.visit import Page, get, post

_MODEL, _JOB = "/models/{model_id:path}", "/features/{feature_id}"
_BATCH, _FILE = "/batches/{batch_id}", "/batches/files/{file_id}"
_LETTERS, _WEBHOOK = "/instances/dead-letters", "/webhooks/{webhook_id}"
_TENANT, _PLANS = "/keys/tenants/{tenant}", "/keys/plans"

PAGES: tuple[Page, ...] = (
    Page("Overview", "overview", (get("/", overview.show),), ranged=True),
    Page(
        "Inferences",
        "inferences",
        (
            get("/inferences", inferences.show),
            get("/inferences/{inference_id}", inference.show),
            get("/inferences/{inference_id}/content", inference.show_content),
        ),
        ranged=True,
    ),
    Page("Errors", "errors", (get("/errors", errors.show),), ranged=True),
    Page("Spending", "spending", (get("/spending", spending.show),)),
    Page(
        "Models",
        "models",
        (
            get("/models", models.show),
            get("/models/new", models.show_new),
            post("/models/new", models.set_up),
            post("/models/new/probe", models.probe),
            get(_MODEL, models.show_one),
            post(f"{_MODEL}/test", models.test),
            post(f"{_MODEL}/change", models.change),
            post(f"{_MODEL}/switch", models.switch),
            post(f"{_MODEL}/remove", models.remove),
        ),
        "models",
    ),
    Page(
        "Playground",
        "playground",
        (
            get("/playground", playground.show),
            post("/playground", playground.ask),
            post("/playground/stream", playground.stream),
            get("/playground/taken/{inference_id}", playground.show_taken),
        ),
        "inference",
    ),
    Page(
        "Batches and jobs",
        "batches",
        (
            get("/batches", batches.show),
            get("/batches/background", background.show),
            get("/batches/files", files.show),
            get(f"{_FILE}/content", files.download),
            post(f"{_FILE}/remove", files.remove),
            get(_BATCH, batches.show_one),
            post(f"{_BATCH}/cancel", batches.cancel),
        ),
        "inference",
    ),
    Page(
        "Feature jobs",
        "features",
        (get("/features", features.show), get(_JOB, features.show_one), post(f"{_JOB}/cancel", features.cancel)),
        "inference",
    ),
    Page(
        "Webhooks",
        "webhooks",
        (
            get("/webhooks", webhooks.show),
            post("/webhooks", webhooks.add),
            get(_WEBHOOK, webhooks.show_one),
            post(f"{_WEBHOOK}/test", webhooks.test),
            post(f"{_WEBHOOK}/switch", webhooks.switch),
            post(f"{_WEBHOOK}/rotate", webhooks.rotate),
            post(f"{_WEBHOOK}/remove", webhooks.remove),
            post(_WEBHOOK + "/deliveries/{delivery_id}/redeliver", webhooks.redeliver),
        ),
        "webhooks",
    ),
    Page("Changes", "changes", (get("/changes", changes.show),)),
    Page(
        "Instances",
        "instances",
        (
            get("/instances", instances.show),
            get(_LETTERS, instances.show_letters),
            post(f"{_LETTERS}/replay", instances.replay),
        ),
        "admin",
    ),
    Page(
        "Keys",
        "keys",
        (
            get("/keys", keys.show),
            post("/keys", keys.create),
            post("/keys/{key_id}/revoke", keys.revoke),
            get("/keys/tenants", keys.show_tenants),
            get(_TENANT, keys.show_tenant),
            post(_TENANT, keys.change_tenant),
            get(_PLANS, keys.show_plans),
            post(_PLANS, keys.put_plan),
            post(_PLANS + "/{plan}/remove", keys.remove_plan),
        ),
        "admin",
    ),
)
