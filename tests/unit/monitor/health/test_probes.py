from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.monitor.health.probes import is_of, lasts_s, request, result
from services.monitor.health.store import Ended, Result
from services.monitor.rollups.health import ProbeCall, Probed
from shared.events import InferenceRequested, new_id
from shared.events.inference import PROBE
from shared.events.probe import is_probe
from shared.registry import Capabilities, Model
from shared.registry.health import Probing
from shared.registry.registry import TenantModels
from shared.registry.store import WatchedModel
from shared.selection import needs_of, select

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ID = new_id()


def model(**fields: Any) -> Model:
    named = {"id": "custom:m", "tenant_id": "acme", "wire_format": "openai", "provider_name": "openai"}
    return Model(**named | {"endpoint_url": "http://h/v1", "timeout_s": 5.0} | fields)


@pytest.mark.parametrize("task", ["chat", "embeddings", "rerank"])
def test_a_probe_asks_its_model_and_no_other_for_what_it_does(task: Any) -> None:
    mine, other = model(capabilities=Capabilities(tasks=(task,))), model(id="custom:n")
    asked = request(mine, ID, NOW)
    assert (asked.tenant_id, asked.api_key_id, asked.operation_name) == ("acme", PROBE, task)
    assert is_probe(InferenceRequested.decoded(asked.encoded()))  # as routers read it
    assert (asked.is_awaited, asked.store_result) == (False, False)
    assert asked.input is not None
    needs = needs_of(asked.request_model, asked.input, asked.options, ID.bytes, asked.operation_name, asked.form)
    selection = select(needs, TenantModels(custom={one.id: one for one in (mine, other)}))
    assert [candidate.model.id for candidate in selection.candidates] == ["custom:m"]


def test_the_model_has_its_own_time_for_the_answer() -> None:
    asked = request(model(timeout_s=120.0), ID, NOW)
    assert asked.expires_at > NOW + timedelta(seconds=120)
    assert asked.expires_at == NOW + timedelta(seconds=lasts_s(model(timeout_s=120.0)))


@pytest.mark.parametrize(
    ("calls", "known"),
    [
        (("server_error", None), (NOW, None)),
        (("server_error", "read_timeout"), (NOW, "read_timeout")),
        (("invalid_request",), (NOW, None)),
        (("router_lost",), (None, None)),
        ((), (None, None)),
    ],
    ids=["answered", "failed", "refused what was asked", "says nothing of the endpoint", "no call was made"],
)
def test_what_a_probe_shows_of_the_endpoint(
    calls: tuple[str | None, ...], known: tuple[datetime | None, str | None]
) -> None:
    made = tuple(ProbeCall(NOW, error_type) for error_type in calls)
    assert result(Ended(ID, (), made), NOW) == Result(ID, *known, made)


def test_calls_of_probes_are_remembered_for_as_long_as_calls_count() -> None:
    old, recent, new = (ProbeCall(NOW - timedelta(minutes=ago), "server_error") for ago in (7, 5, 0))
    assert result(Ended(ID, (old, recent), (new,)), NOW).calls == (recent, new)


def test_a_model_that_was_changed_is_another_one() -> None:
    probed = Probed("acme", "custom:m", NOW, NOW + timedelta(hours=1), "server_error", NOW + timedelta(hours=2))
    assert is_of(probed, WatchedModel(model(), None, Probing(every_s=60), NOW))
    assert not is_of(probed, WatchedModel(model(), None, Probing(every_s=60), NOW + timedelta(minutes=1)))
    assert not is_of(probed, None)
