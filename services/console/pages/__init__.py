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

from services.console.pages import errors, inference, inferences, overview, spending
from services.console.visit import Page, get

PAGES: tuple[Page, ...] = (
    Page("Overview", "overview", (get("/", overview.show),), ranged=True),
    Page(
        "Inferences", "inferences",
        (get("/inferences", inferences.show), get("/inferences/{inference_id}", inference.show)),
        ranged=True,
    ),
    Page("Errors", "errors", (get("/errors", errors.show),), ranged=True),
    Page("Spending", "spending", (get("/spending", spending.show),)),
)  # fmt: skip
