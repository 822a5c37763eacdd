"""Which pages there are, and whether they are as the code says."""

import json
from collections.abc import Iterator
from pathlib import Path

from services.documents.dialects_page import dialects_page
from services.documents.headers_page import headers_page
from services.documents.limits_page import limits_page
from services.documents.metrics_page import with_metrics
from services.documents.settings_page import with_tables
from services.documents.spans_table import with_spans
from services.gateway.app import routes
from services.gateway.routes.openapi import openapi


def pages(docs: Path) -> Iterator[tuple[Path, str]]:
    """Each page, and the text that it should have. Those of settings and metrics are written by hand but for their
    tables."""
    settings = docs / "settings.md"
    yield settings, with_tables(settings.read_text())
    metrics = docs / "metrics.md"
    yield metrics, with_spans(with_metrics(metrics.read_text()))
    yield docs / "limits.md", limits_page()
    yield docs / "dialects.md", dialects_page()
    yield docs / "headers.md", headers_page()
    yield docs / "openapi.json", openapi_document()


def openapi_document() -> str:
    return json.dumps(openapi(routes()), indent=2, sort_keys=True) + "\n"


def differing(docs: Path) -> list[Path]:
    return [page for page, text in pages(docs) if not page.exists() or page.read_text() != text]
