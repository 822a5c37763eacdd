"""GET /: one line that says what this is, for people with a browser or curl."""

from fastapi import APIRouter
from starlette.responses import PlainTextResponse

from services.gateway.routes import monitoring
from services.gateway.routes.documented import documented

router = APIRouter(tags=["about"])

# What is where, on this gateway.
_PLACES = {"documents": "/docs", "monitoring": monitoring.PATH, "health": "/healthz and /readyz", "metrics": "/metrics"}
_LINE = (
    "Tallygate, a gateway to language models; " + ", ".join(f"{name}: {path}" for name, path in _PLACES.items()) + "\n"
)


@router.get("/")
@documented(gives=str, keyed=False)
async def front() -> PlainTextResponse:
    """What this is, and where its documents, its monitoring and its health are. Needs no key."""
    return PlainTextResponse(_LINE)


# FastAPI adds no HEAD to a GET, and one route with both would have one operation id twice in the document.
router.head("/", include_in_schema=False)(front)
