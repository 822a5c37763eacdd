"""Pages of docs/ that are made from the code of all services, so that they cannot drift from it.

`tallygate documents` writes them, `make check` compares them. It stands above the services, beside their `__main__`.

Hears: no topic.
Says: no event.
Owns: no table; docs/dialects.md, docs/headers.md, docs/limits.md, docs/openapi.json, and the tables of
docs/settings.md and docs/metrics.md.
"""

from services.documents.pages import differing, openapi_document, pages

__all__ = ["differing", "openapi_document", "pages"]
