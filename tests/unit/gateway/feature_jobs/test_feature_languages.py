import pytest

from services.gateway.bodies import InvalidBodyError
from services.gateway.feature_jobs.jobs import check_body
from services.gateway.feature_jobs.schemas import FeatureBody, FeatureConstraints


def body(*languages: str) -> FeatureBody:
    constraints = FeatureConstraints(languages=list(languages))
    return FeatureBody(repo="https://host/owner/name", featureRequest="a flag", constraints=constraints)


def test_an_unknown_language_is_refused_with_some_that_are_known() -> None:
    with pytest.raises(InvalidBodyError) as raised:
        check_body(body("python", "pyhton"))
    assert raised.value.failure.http_status == 400
    assert raised.value.failure.error_type == "invalid_request"
    assert raised.value.param == "constraints.languages"
    assert "'pyhton'" in raised.value.failure.detail
    assert "typescript" in raised.value.failure.detail


def test_languages_may_have_any_of_their_names() -> None:
    check_body(body("C++", "c#", "JS", "golang", "Python"))
    check_body(body())
