"""A tenant that has very many models, as it could before there was a quota, holds up no router and no gateway."""

from datetime import timedelta

import pytest

from services.gateway.inference.admission import known_model
from services.router.reports import attempt_started
from services.router.work import Source, Work
from shared.errors import TallygateError
from shared.policies import POLICIES
from shared.selection import select
from tests.support.cpu_time import cpu_time
from tests.unit.shared.events.samples import NOW, requested
from tests.unit.shared.selection.values import model, needs, tenant

MANY = 30_000
MODELS = tenant(*(model(id=f"custom:m{number}") for number in range(MANY)), model(id="openai:gpt-5"))
HELD_UP_S = 5.0  # fifty times what it takes, for a slow machine: what is worse than linear takes minutes


@pytest.mark.parametrize("policy", [None, *POLICIES])
@pytest.mark.parametrize("reference", [None, f"custom:m{MANY - 1}", "custom:unknown"])
def test_one_request_is_selected_for_in_time_and_its_attempt_fits(policy: str | None, reference: str | None) -> None:
    with cpu_time() as spent:
        selection = select(needs(reference, policy=policy), MODELS)
        if selection.candidates:
            work = Work(requested(), {}, selection, Source(0, 1), None)
            started = attempt_started(work, work.first, 1, "r", NOW + timedelta(seconds=1))
            assert len(started.encoded()) < 50_000
        else:
            assert len(selection.why_none(needs(reference)).detail) < 4000
        assert spent() < HELD_UP_S

    ids = [candidate.model.id for candidate in selection.candidates]
    if reference == f"custom:m{MANY - 1}":
        assert ids[0] == reference, "the model that is named is always considered"
    if reference is None and policy != "custom_only":
        assert "openai:gpt-5" in ids
    assert selection.unseen > MANY * 0.9


def test_the_gateway_checks_it_in_time() -> None:
    with cpu_time() as spent:
        assert known_model(MODELS, None) is None
        with pytest.raises(TallygateError):
            known_model(MODELS, "custom:unknown")
        with pytest.raises(TallygateError, match="permission_denied"):
            known_model(MODELS, None, ["nothing:*"])
        assert spent() < HELD_UP_S
