"""The API against its own description: what fits it is answered as it says, what does not is refused."""

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 12
OPERATIONS = [
    ("POST", "/v1/verify"), ("POST", "/v1/protect"), ("POST", "/v1/retrieve"), ("GET", "/v1/about"),
    ("GET", "/v1/records/{identity}"), ("GET", "/v1/records/{identity}/manifest"),
    ("GET", "/v1/artefacts/{name}/{file}"),
]  # fmt: skip


@pytest.fixture(scope="module")
def described(desk):
    return schemathesis.openapi.from_url(desk.url + "v1/openapi.json")


@pytest.mark.parametrize(
    ("method", "path", "mode"),
    [
        (*operation, mode)
        for operation in OPERATIONS
        for mode in GenerationMode
        if mode.is_positive or operation[1] != "/v1/about"  # which takes nothing that could be wrong
    ],
)
def test_answers_are_as_described(desk, described, method, path, mode):
    operation = described[path][method]
    checks = [*CHECKS, negative_data_rejection] if mode.is_negative else CHECKS

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def hold(case):
        headers = {"Authorization": f"Bearer {desk.tokens['admin']}"}
        case.validate_response(case.call(headers=headers, timeout=60), checks=checks)

    hold()


def test_what_is_described_is_what_there_is(desk):
    document = httpx.get(desk.url + "v1/openapi.json").json()
    assert document["openapi"].startswith("3.") and document["info"]["title"] == "Underdrawing"
    assert {(m.upper(), path) for path, methods in document["paths"].items() for m in methods} == set(
        OPERATIONS
    )
    for path, methods in document["paths"].items():
        for method in methods.values():
            for status, response in method["responses"].items():
                if status.startswith(("4", "5")):
                    assert list(response["content"]) == ["application/problem+json"], path
