"""The gateway documents what the monitor can tell, in the same words."""

from typing import get_args

from services.gateway.routes.monitoring import Measure, TimeseriesQuery
from services.monitor.series.series import GROUPS, MEASURES, STEPS


def test_the_words_of_a_series_are_those_of_the_monitor() -> None:
    assert get_args(Measure) == tuple(MEASURES)
    for name, words in (("group", GROUPS), ("step", STEPS)):
        [literal, _] = get_args(TimeseriesQuery.model_fields[name].annotation)
        assert get_args(literal) == tuple(words)
