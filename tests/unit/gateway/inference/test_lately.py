from services.gateway.inference.lately import Accepted, Lately
from shared.events import new_id
from tests.unit.shared.events.samples import INFERENCE, NOW


def accepted(tenant_id: str = "acme") -> Accepted:
    return Accepted(tenant_id, None, NOW)


def test_what_was_accepted_lately_is_known_to_its_tenant_only() -> None:
    lately, known = Lately(), accepted("acme")
    lately.accepted(INFERENCE, known)
    assert lately.find(INFERENCE, "acme") is known
    assert lately.find(INFERENCE, "other") is None
    assert lately.find(new_id(), "acme") is None


def test_an_answered_inference_is_marked() -> None:
    lately, known = Lately(), accepted()
    lately.accepted(INFERENCE, known)
    assert not known.answered
    lately.answered(INFERENCE)
    assert known.answered


def test_the_answer_to_what_was_forgotten_is_no_error() -> None:
    Lately().answered(INFERENCE)
