"""From answers of the gateway to what pages show: numbers, ranges, charts, the waterfall."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from services.console.views.charts import Chart, grouped, inferences_between, series_of, stacked, step_of, times_of
from services.console.views.errors import error_groups
from services.console.views.format import NOTHING, count, instant, percent, seconds, short, usd, visible
from services.console.views.inferences import calls, tokens
from services.console.views.overview import charts, figures
from services.console.views.ranges import kept_range, length_of, picked
from services.console.views.spending import budgets, totals
from services.console.views.waterfall import WIDTH, waterfall
from tests.unit.console import answers

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (count(1234567), "1,234,567"), (count(None), NOTHING),
        (short(9999), "9,999"), (short(12_345), "12.3k"), (short(999_900), "1M"),
        (short(1_234_567), "1.23M"), (short(-2e15), "-2,000T"),
        (seconds(None), NOTHING), (seconds(0), "0 ms"), (seconds(0.0004), "<1 ms"), (seconds(0.43), "430 ms"),
        (seconds(0.9996), "1.00 s"), (seconds(1.236), "1.24 s"), (seconds(59.97), "1 min"),
        (seconds(200), "3 min 20 s"), (seconds(7500), "2 h 5 min"),
        (usd(None), NOTHING), (usd(0), "$0"), (usd(1234.5), "$1,234.50"), (usd(0.00421), "$0.0042"),
        (usd("0.5"), "$0.50"), (usd(-0.5), "-$0.50"), (usd(1e-12), "<$0.00000001"),
        (percent(0), "0 %"), (percent(0.0001), "<0.1 %"), (percent(0.125), "12.5 %"), (percent(1), "100 %"),
    ],
)  # fmt: skip
def test_numbers_are_short_and_say_their_unit(shown: str, words: str) -> None:
    assert shown == words


def test_an_instant_is_utc_for_who_has_no_script() -> None:
    assert instant("2026-11-30T10:00:00+01:00") == (
        '<time datetime="2026-11-30T09:00:00.000000Z" data-utc="second">2026-11-30 09:00:00 UTC</time>'
    )
    assert instant(None) == NOTHING


def test_what_steers_a_terminal_is_visible_and_the_rest_as_it_is() -> None:
    assert visible("a\x1b[0m\x00\x7f\u202e\u200b\x9b") == "a␛[0m␀␡\ufffd\ufffd\ufffd"
    assert visible("ünïcode ✓\n\t") == "ünïcode ✓\n\t"
    assert visible(3) == 3


def test_a_range_keeps_what_else_stands_in_the_address() -> None:
    found = picked({"window": "7d", "model": "a&b", "cursor": "x"})
    assert found.query == {"window": "7d"}
    assert [choice.name for choice in found.choices if choice.chosen] == ["7d"]
    assert found.choices[0].query == "?model=a%26b&window=15m"
    edges = picked({"from": "2026-11-30T08:00", "to": "2026-11-30", "window": "7d"})
    assert edges.query == {"from": "2026-11-30T08:00:00Z", "to": "2026-11-30"}
    assert (edges.from_, edges.to) == ("2026-11-30T08:00", "2026-11-30T00:00")
    assert not any(choice.chosen for choice in edges.choices)
    assert picked({"from": "tomorrow"}).query == {"from": "tomorrow"}
    assert picked({"window": "90m"}).choices[-1].name == "90m"
    assert kept_range({"window": "7d", "model": "m"}) == "?window=7d"


@pytest.mark.parametrize(
    ("query", "step"),
    [
        ({"window": "15m"}, "1m"), ({"window": "1h"}, "1m"), ({"window": "6h"}, "5m"), ({"window": "24h"}, "1h"),
        ({"window": "7d"}, "1h"), ({"window": "30d"}, "1d"), ({"window": "400d"}, "1d"), ({"window": "what"}, "1m"),
        ({"from": "2026-11-29T09:00:00Z"}, "1h"), ({"from": "2026-11-30T08:59Z", "to": "2026-11-30T09:00Z"}, "1m"),
        ({"from": "9999-12-31"}, "1m"), ({"from": "-"}, "1m"),
    ],
)  # fmt: skip
def test_a_range_has_the_shortest_step_of_which_there_are_not_too_many(query: dict[str, str], step: str) -> None:
    assert step_of(length_of(query, NOW)) == step


def test_a_point_leads_to_the_inferences_of_its_step() -> None:
    assert inferences_between("2026-11-30T08:59:00+00:00", 60, state="failed") == (
        "/inferences?from=2026-11-30T08%3A59%3A00Z&to=2026-11-30T09%3A00%3A00Z&state=failed"
    )


def test_many_groups_are_a_few_colours_and_their_sum_is_kept() -> None:
    values: dict[str, list[float | None]] = {f"m{number}": [number, None] for number in range(1, 9)}
    series = grouped(values | {"other": [50, 1]}, "count", "model")
    assert [one.label for one in series] == ["m8", "m7", "m6", "m5", "m4", "4 others"]
    assert sum(value or 0 for one in series for value in one.values) == sum(range(1, 9)) + 51
    assert series[0].filters == {"model": "m8"}
    assert series[-1].filters == {}
    assert len({one.tone for one in series}) == len(series)


def test_a_chart_is_the_same_as_data_as_a_drawing_and_as_a_table() -> None:
    answer = answers.timeseries("a", "b", values=(1, 0, None, 4))
    chart = Chart("Tokens", "bars", "count", times_of(answer), 60, grouped(series_of(answer), "count", "model"))
    data = orjson.loads(chart.json)
    assert [one["values"] for one in data["series"]] == [[1, 0, None, 4], [1, 0, None, 4]]
    assert data["times"][1] - data["times"][0] == 60
    assert stacked([[1, None], [2, 3]]) == [[1, 0], [3, 3]]
    assert [row.values for row in chart.rows] == [["4", "4"], ["1", "1"]]
    back, front = chart.paths
    assert (back[0], front[0]) == ("series-2", "series-1")
    assert back[1].count("M") == front[1].count("M") == 2  # a bar for each step that has something


def test_a_line_is_broken_where_nothing_was_measured() -> None:
    answer = answers.timeseries(None, values=(1, 2, None, 3))
    lines = charts({"p50": answer})
    assert len(lines) == 1
    assert lines[0].paths[0][1].count("M") == 2
    assert [row.values for row in lines[0].rows] == [["3.00 s"], ["2.00 s"], ["1.00 s"]]


def test_an_empty_range_has_charts_that_say_so() -> None:
    nothing = answers.timeseries()
    found = charts(dict.fromkeys(("requests", "failures", "p50", "cost"), nothing))
    assert all(chart.is_empty and chart.rows == [] and chart.paths is not None for chart in found)


def test_what_failed_and_what_did_not_make_up_the_requests() -> None:
    asked = {
        "requests": answers.timeseries(None, values=(5, 2)),
        "failures": answers.timeseries("a", "b", values=(1, 0)),
    }
    failed, others = charts(asked)[0].series
    assert (list(failed.values), list(others.values)) == ([2, 0], [3, 2])


def test_figures_are_those_of_the_summary() -> None:
    found = {figure.label: figure for figure in figures(answers.summary(), {"window": "7d"})}
    assert found["Failed"][1:4] == ("2", "20 % of all", "bad")
    assert found["Failed"].href == "/inferences?window=7d&state=failed"
    assert found["Cost"].value == "$16.80"
    assert found["Duration, p95"].value == "2.10 s"
    empty = {figure.label: figure for figure in figures(answers.summary(0), {})}
    assert empty["Duration, p95"].value == NOTHING


def test_tokens_say_when_they_are_an_estimate() -> None:
    assert tokens({"input_tokens": 1812, "output_tokens": 233, "state": "reported"}) == "1,812 → 233"
    assert tokens({"input_tokens": 1, "output_tokens": None, "state": "estimated"}) == "≈ 1 → 0"
    assert tokens({"input_tokens": None, "output_tokens": None, "state": "unknown"}) == tokens(None) == ""


def test_tips_stand_at_the_last_of_calls_that_failed_alike() -> None:
    tried = [answers.attempt(1, "failed"), answers.attempt(2, "failed"), answers.attempt(3, "failed", model="custom:b")]
    assert [call.with_tips for call in calls(tried)] == [False, True, True]


def test_the_waterfall_has_every_moment_in_its_place() -> None:
    failed = answers.attempt(1, "failed", started_at="2026-11-30T08:00:01+00:00", duration_s=2.0)
    served = answers.attempt(2, started_at="2026-11-30T08:00:05+00:00", duration_s=5.0, first_chunk_s=1.0)
    drawn = waterfall(answers.inference(failed, served), NOW)
    accepted, first, second, settled, booked = drawn.rows
    assert [(bar.x, bar.width) for bar in accepted.bars] == [(0, WIDTH / 10)]
    assert [(bar.x, bar.width, bar.tone) for bar in first.bars] == [(WIDTH / 10, WIDTH / 5, "bad")]
    assert [(bar.x, bar.width, bar.tone) for bar in second.bars] == [
        (WIDTH / 2, WIDTH / 10, "ok early"),
        (WIDTH * 0.6, WIDTH * 0.4, "ok"),
    ]
    assert (settled.time, booked.time) == ("after 10.0 s", "200 ms later")
    assert [tick.label for tick in drawn.ticks][::4] == ["0 ms", "10.0 s"]
    assert all(bar.x + bar.width <= WIDTH for row in drawn.rows for bar in row.bars)


def test_what_runs_is_drawn_up_to_now() -> None:
    open_call = answers.attempt(1, None, started_at="2026-11-30T08:00:01+00:00")
    drawn = waterfall(answers.inference(open_call, state="running"), datetime(2026, 11, 30, 8, 0, 10, tzinfo=UTC))
    assert [(bar.x, bar.width, bar.tone) for bar in drawn.rows[1].bars] == [(WIDTH / 10, WIDTH * 0.9, "run")]
    assert [row.name for row in drawn.rows] == ["Accepted", f"1 · custom:{answers.HARM}"]


@pytest.mark.parametrize("state", ["rejected", "accepted"])
def test_an_inference_without_calls_has_a_waterfall_too(state: str) -> None:
    assert waterfall(answers.inference(state=state), NOW).rows[0].detail == "no model was called"


def test_clocks_that_differ_make_no_bar_outside_of_the_track() -> None:
    """A router's clock may be behind the gateway's, and an answer later than its settlement."""
    early = answers.attempt(1, started_at="2026-11-30T07:59:59+00:00", duration_s=0.0)
    late = answers.attempt(2, started_at="2026-11-30T08:00:09+00:00", duration_s=60.0)
    for row in waterfall(answers.inference(early, late), NOW).rows:
        for bar in row.bars:
            assert 0 <= bar.x < bar.x + bar.width <= WIDTH
    assert waterfall(answers.inference(accepted_at=None), NOW).rows == []


def test_spending_is_summed_up_by_name_and_budgets_say_what_is_left() -> None:
    rows = totals(answers.timeseries("a", "b", values=(1, 2)), answers.timeseries("a", "c", values=(5, 5)))
    assert [(row.name, row.usd, row.tokens) for row in rows] == [("a", 3, 10), ("b", 3, 0), ("c", 0, 10)]
    found = [(one.name, one.spent, one.most, one.tone) for one in budgets(answers.TENANT)]
    assert found == [
        ("Today (UTC), dollars", "$16.80", "$20.00", "warn"),
        ("This month (UTC), tokens", "1.2M", "1M", "bad"),
    ]
    assert [one.used for one in budgets(answers.TENANT | {"spent": None})] == [0, 0]


def test_a_group_of_errors_leads_to_what_it_counts() -> None:
    many, few, state = error_groups(
        [
            answers.error_group(4, model="custom:m"),
            answers.error_group(1, model="auto"),
            answers.error_group(2, error_type="rejected", model=""),
        ],
        {"window": "7d"},
    )
    assert (many.share, few.share, state.share) == (100, 25, 50)
    assert many.href == "/inferences?window=7d&error_type=read_timeout&model=custom%3Am"
    assert few.href == "/inferences?window=7d&error_type=read_timeout"
    assert state.href == "/inferences?window=7d&state=rejected"


def test_lengths_of_ranges_never_run_backwards() -> None:
    assert length_of({"from": "2026-11-30T09:00:00Z", "to": "2026-11-30T08:00:00Z"}, NOW) == timedelta(0)
