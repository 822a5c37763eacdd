"""Overview, inferences, one inference, errors and spending, of a gateway that answers in the shapes it promises."""

from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from pydantic import TypeAdapter
from starlette.applications import Starlette

from services.console.settings import ConsoleSettings
from services.gateway.answers.monitoring import ErrorGroups, Inferences, Sessions, Summary, Timeline, Timeseries
from services.gateway.answers.sessions import CappedSessions
from services.gateway.answers.tenants import ShownCaller, ShownTenant
from shared.crypto.keys import new_key
from shared.errors import ConfigurationError
from tests.support.fake_gateway import CALLER, Asked, FakeGateway, Told, problem
from tests.unit.console import answers, samples
from tests.unit.console.test_frame import inline

SUMMARY, SERIES = "/api/monitoring/summary", "/api/monitoring/timeseries"


@pytest.fixture
def books(gateway: FakeGateway) -> FakeGateway:
    """A gateway whose books have something of everything."""
    gateway.gets(SUMMARY, answers.summary())
    gateway.answers[f"GET {SERIES}"] = _series
    gateway.gets("/api/inferences", answers.listed(answers.item("failed"), next_cursor="further"))
    failed = answers.attempt(1, "failed")
    gateway.gets(f"/api/inferences/{answers.ID}", answers.inference(failed, answers.attempt(2)))
    gateway.gets("/api/monitoring/errors", answers.errors(answers.error_group()))
    gateway.gets("/api/monitoring/sessions", answers.sessions(answers.HARM, others=True))
    gateway.gets("/api/sessions", answers.capped(answers.HARM))
    gateway.gets("/api/tenants/acme", answers.TENANT)
    return gateway


def _series(asked: Asked) -> Told:
    groups = (None,) if "group" not in asked.query else (f"custom:{answers.HARM}", "other")
    return 200, answers.timeseries(*groups, step=asked.query["step"])


PAGES = ("/", "/inferences", f"/inferences/{answers.ID}", "/errors", "/spending")


@pytest.mark.parametrize("path", PAGES)
async def test_words_of_others_are_text(browser: httpx.AsyncClient, books: FakeGateway, path: str) -> None:
    answer = await browser.get(path)
    assert answer.status_code == 200
    assert answers.HARM not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
    assert inline(answer.text) == []
    assert not {"\x1b", "\u202e"} & set(answer.text)


async def test_escapes_are_seen_for_what_they_are(browser: httpx.AsyncClient, books: FakeGateway) -> None:
    assert "red \N{SYMBOL FOR ESCAPE}[31m and turned \N{REPLACEMENT CHARACTER}" in (await browser.get("/errors")).text


@pytest.mark.parametrize("path", PAGES)
async def test_a_gateway_that_is_away_is_said_on_every_page(
    browser: httpx.AsyncClient, books: FakeGateway, path: str
) -> None:
    await books.close()
    assert (await browser.get(path)).status_code == 503


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_bears_a_gateway_that_knows_none_of_its_paths(
    browser: httpx.AsyncClient, gateway: FakeGateway, path: str
) -> None:
    answer = await browser.get(path)
    assert answer.status_code in (200, 404)
    assert "This gateway cannot do that yet" in answer.text


async def test_all_charts_obey_the_range(browser: httpx.AsyncClient, books: FakeGateway) -> None:
    books.asked.clear()
    page = await browser.get("/?window=7d")
    ranges = {(asked.query.get("window"), asked.query.get("step")) for asked in books.asked if asked.path == SERIES}
    assert ranges == {("7d", "1h")}
    assert 'href="/inferences?window=7d"' in page.text  # the navigation keeps it
    books.asked.clear()
    await browser.get("/?from=2026-11-30T08:00&to=2026-11-30T09:00")
    assert {(asked.query.get("from"), asked.query.get("to")) for asked in books.asked} == {
        ("2026-11-30T08:00:00Z", "2026-11-30T09:00:00Z")
    }


async def test_spending_is_told_by_session_and_leads_to_its_inferences(
    browser: httpx.AsyncClient, books: FakeGateway
) -> None:
    page = (await browser.get("/spending?window=7d")).text
    assert f'href="/inferences?{urlencode({"window": "7d", "session": answers.HARM}).replace("&", "&amp;")}"' in page
    assert "all others" in page
    assert "/inferences?window=7d&amp;session=&" not in page
    assert "$1.25 of $5.00, 200 of 200 calls, used up" in page
    del books.answers["GET /api/sessions"]  # a gateway of before sessions had caps
    older = (await browser.get("/spending?window=7d")).text
    assert "all others" in older
    assert "cannot do that yet" not in older
    books.gets("/api/monitoring/sessions", answers.sessions())
    assert "x-tallygate-session: my-conversation" in (await browser.get("/spending")).text


async def test_charts_that_the_gateway_cannot_give_leave_the_figures(
    browser: httpx.AsyncClient, books: FakeGateway
) -> None:
    del books.answers[f"GET {SERIES}"]
    page = await browser.get("/")
    assert page.status_code == 200
    assert "20 % of all" in page.text
    assert "This gateway cannot do that yet" in page.text


async def test_a_range_that_makes_no_sense_is_said(browser: httpx.AsyncClient, books: FakeGateway) -> None:
    books.gets(SUMMARY, problem("invalid_request", "from is not before to", "Send from and to."), 400)
    answer = await browser.get("/?from=tomorrow")
    assert answer.status_code == 400
    assert "from is not before to" in answer.text


@pytest.mark.parametrize("path", ["/", "/inferences", "/errors", "/spending"])
async def test_an_empty_page_says_what_to_do(browser: httpx.AsyncClient, books: FakeGateway, path: str) -> None:
    nothing = answers.summary(0) | {"errors": [], "attempts": answers.summary(0)["attempts"] | {"total": 0}}
    books.gets(SUMMARY, nothing)
    books.gets(SERIES, answers.timeseries())
    books.gets("/api/inferences", answers.listed())
    books.gets("/api/monitoring/errors", answers.errors())
    assert 'class="empty"' in (await browser.get(path)).text


async def test_filters_and_cursor_go_to_the_gateway_and_into_the_links(
    browser: httpx.AsyncClient, books: FakeGateway
) -> None:
    books.asked.clear()
    page = await browser.get("/inferences?state=failed&model=&tag=team%3Da%26b&window=7d&cursor=here")
    assert books.asked[-1].query == {"state": "failed", "tag": "team=a&b", "window": "7d", "cursor": "here"}
    assert 'href="/inferences?window=7d&amp;state=failed&amp;tag=team%3Da%26b&amp;cursor=further"' in page.text
    assert 'href="/inferences?window=7d&amp;state=failed&amp;tag=team%3Da%26b"' in page.text
    assert "hx-trigger" not in page.text  # what is older does not change
    assert 'hx-trigger="every 5s"' in (await browser.get("/inferences")).text


async def test_an_id_leads_to_its_inference(browser: httpx.AsyncClient, books: FakeGateway) -> None:
    answer = await browser.get("/inferences", params={"id": f" {answers.ID.upper()} "})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/inferences/{answers.ID}")
    assert "That is no inference id" in (await browser.get("/inferences?id=nothing")).text


async def test_content_is_shown_in_its_order_where_it_is_kept_and_asked_for_only_then(
    browser: httpx.AsyncClient, books: FakeGateway
) -> None:
    samples.furnish(books)
    books.asked.clear()
    assert "Its content" in (await browser.get(f"/inferences/{answers.ID}")).text
    assert not [asked for asked in books.asked if "responses" in asked.path]
    page = (await browser.get(f"/inferences/{samples.INFERENCE}/content")).text
    places = [page.index(word) for word in (">user<", ">result of a call<", ">thinks<", ">calls ", "the answer ")]
    assert places == sorted(places)
    assert "[input_image]" in page
    assert "hx-trigger" not in page
    for inference_id in (answers.ID, "nonsense"):
        books.gets(f"/v1/responses/resp_{answers.ID.replace('-', '')}", problem("invalid_request", "not kept"), 404)
        assert "Nothing of it is kept" in (await browser.get(f"/inferences/{inference_id}/content")).text


async def test_an_inference_leads_to_its_trace(browser: httpx.AsyncClient, app: Starlette, books: FakeGateway) -> None:
    path = f"/inferences/{answers.ID}"
    assert "Its trace" not in (await browser.get(path)).text
    app.state.settings.trace_url = "https://traces.test/a&b/{trace_id}?of={inference_id}"
    page = await browser.get(path)
    url = f"https://traces.test/a&amp;b/0af7651916cd43dd8448eb211c80319c?of={answers.ID}"
    assert f'<a class="button" href="{url}" rel="noreferrer">Its trace</a>' in page.text
    books.gets(f"/api/inferences/{answers.ID}", answers.inference(trace_id=None))
    assert "Its trace" not in (await browser.get(path)).text


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert({trace_id})",
        "//traces.test/{trace_id}",
        "https://traces.test/",
        'https://t/"{trace_id}',
        "https:// {trace_id}",
    ],
)
def test_what_a_page_may_not_link_to_is_no_trace_url(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("TALLYGATE_KEYS", new_key())
    monkeypatch.setenv("TALLYGATE_CONSOLE_TRACE_URL", url)
    with pytest.raises(ConfigurationError, match="TALLYGATE_CONSOLE_TRACE_URL"):
        ConsoleSettings()


async def test_an_inference_of_another_tenant_is_not_found(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    unknown = problem("invalid_request", "the books know no inference", "It may belong to another tenant.")
    gateway.gets(f"/api/inferences/{answers.ID}", unknown, 404)
    answer = await browser.get(f"/inferences/{answers.ID}")
    assert answer.status_code == 404
    assert "It may belong to another tenant." in answer.text


async def test_an_inference_that_runs_is_looked_at_again(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    gateway.gets(f"/api/inferences/{answers.ID}", answers.inference(answers.attempt(1, None), state="running"))
    assert 'hx-trigger="every 2s"' in (await browser.get(f"/inferences/{answers.ID}")).text


@pytest.mark.parametrize("path", ["..%2Fmodels%2Flist", "%2e%2e%2fkeys", "a%3Fb=c"])
async def test_an_id_leads_to_no_other_path(browser: httpx.AsyncClient, gateway: FakeGateway, path: str) -> None:
    gateway.asked.clear()
    await browser.get(f"/inferences/{path}")
    assert [asked.path for asked in gateway.asked if not asked.path.startswith("/api/inferences/")] == []
    assert [asked.query for asked in gateway.asked if asked.query] == []


async def test_a_filter_that_cannot_be_read_is_said_beside_the_form(
    browser: httpx.AsyncClient, gateway: FakeGateway
) -> None:
    gateway.gets("/api/inferences", problem("invalid_request", "state must be one of completed, failed"), 400)
    answer = await browser.get("/inferences?state=gone&model=m")
    assert answer.status_code == 400
    assert "state must be one of completed, failed" in answer.text
    assert 'name="model" value="m"' in answer.text


async def test_an_empty_page_of_the_list_leads_further_back(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    """The monitor looks at so many rows for one page, however few match."""
    looked_to = "2026-11-30T08:20:00+00:00"
    gateway.gets("/api/inferences", answers.listed(next_cursor="further") | {"looked_to": looked_to})
    page = await browser.get("/inferences?tag=rare%3Dyes")
    assert "Nothing matches so far" in page.text
    assert "08:20:00 UTC" in page.text
    assert "cursor=further" in page.text


@pytest.mark.parametrize(
    ("shape", "answer"),
    [
        (Summary, answers.summary()),
        (Timeseries, answers.timeseries("a", None, values=(1, None))),
        (ErrorGroups, answers.errors(answers.error_group())),
        (Inferences, answers.listed(answers.item()) | {"looked_to": "2026-11-30T08:00:00+00:00"}),
        (Timeline, answers.inference(answers.attempt(1))),
        (Sessions, answers.sessions("s", others=True)),
        (CappedSessions, answers.capped("s")),
        (ShownTenant, answers.TENANT),
        (ShownCaller, CALLER),
    ],
    ids=["summary", "timeseries", "errors", "inferences", "inference", "sessions", "capped", "tenant", "caller"],
)
def test_the_answers_of_these_tests_are_in_the_shapes_that_the_gateway_promises(shape: Any, answer: Any) -> None:
    TypeAdapter(shape).validate_python(answer)
