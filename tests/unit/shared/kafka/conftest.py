from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs


@pytest.fixture(autouse=True)
def _no_log() -> Iterator[None]:
    """Tracebacks of the failures that tests cause would be rendered at length, for nobody."""
    with capture_logs():
        yield
