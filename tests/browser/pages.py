"""Every page of the console, with an address at which it has something to show."""

from tests.browser.world import PLAN, TENANT, World


def addresses(world: World) -> dict[str, str]:
    return {
        "overview": "/",
        "inferences": "/inferences",
        "inference": f"/inferences/{world.inference}",
        "content": f"/inferences/{world.response}/content",
        "errors": "/errors",
        "spending": "/spending",
        "models": "/models",
        "model": "/models/custom:north-8b",
        "model-on-trial": "/models/custom:south-70b",
        "model-broken": "/models/custom:broken",
        "setup": "/models/new?preset=ollama",
        "playground": "/playground?model=custom:north-8b",
        "batches": "/batches",
        "batch": f"/batches/{world.batch}",
        "background": "/batches/background",
        "files": "/batches/files",
        "features": "/features",
        "feature": f"/features/{world.job}",
        "webhooks": "/webhooks",
        "webhook": f"/webhooks/{world.webhook}",
        "changes": "/changes",
        "instances": "/instances",
        "dead-letters": "/instances/dead-letters",
        "keys": f"/keys?tenant={TENANT}",
        "tenants": "/keys/tenants",
        "tenant": f"/keys/tenants/{TENANT}",
        "plans": f"/keys/plans?plan={PLAN}",
        "not-found": "/models/custom:nothing",
    }


# On a phone as well, of those that the documents picture.
ON_PHONES = ("overview", "model", "playground")

EXPECTED = ("404 to GET",)  # of the one that is not there
