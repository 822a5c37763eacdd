"""What a browser complains of while it shows pages: errors of scripts, refusals of the content security policy, and
requests that fail. A test that provokes one says so beforehand."""

from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, Response, WebError

# A page that is left, or a stream that is stopped, ends its requests itself.
_ENDED_BY_THE_PAGE = "net::ERR_ABORTED"
_FAILED_RESOURCE = "Failed to load resource"  # told a second time, with its address, by the response itself


class Complaints:
    """Of all pages of a context. `expect`: parts of complaints that a test provokes."""

    def __init__(self, context: BrowserContext) -> None:
        self._heard: list[str] = []
        self._expected: list[str] = []
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("requestfailed", self._failed)
        context.on("response", self._answered)

    def expect(self, *parts: str) -> None:
        self._expected += parts

    def left(self) -> list[str]:
        return [said for said in self._heard if not any(part in said for part in self._expected)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_FAILED_RESOURCE):
            self._heard.append(f"console: {message.text} ({_at(message.page)})")

    def _error(self, error: WebError) -> None:
        self._heard.append(f"uncaught: {error.error} ({_at(error.page)})")

    def _failed(self, request: Request) -> None:
        if request.failure != _ENDED_BY_THE_PAGE:
            self._heard.append(f"failed: {request.method} {request.url}: {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self._heard.append(f"answered: {response.status} to {response.request.method} {response.url}")


def _at(page: Page | None) -> str:
    return page.url if page is not None else "no page"
