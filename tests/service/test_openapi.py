"""The API against its own description: what fits it is answered as it says, what does not is refused."""

import httpx
import jsonschema
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
    ("POST", "/v1/verify"), ("POST", "/v1/examine"), ("POST", "/v1/protect"), ("POST", "/v1/retrieve"),
    ("GET", "/v1/about"),
    ("GET", "/v1/records/{identity}"), ("GET", "/v1/records/{identity}/manifest"),
    ("GET", "/v1/records/{identity}/original"),
    ("GET", "/v1/artefacts/{name}/{file}"), ("POST", "/v1/jobs"), ("GET", "/v1/jobs"),
    ("GET", "/v1/jobs/{id}"), ("DELETE", "/v1/jobs/{id}"),
]  # fmt: skip
TAKE_NOTHING = [("GET", "/v1/about"), ("GET", "/v1/jobs")]


@pytest.fixture(scope="module")
def described(desk):
    return schemathesis.openapi.from_url(desk.url + "v1/openapi.json")


@pytest.mark.parametrize(
    ("method", "path", "mode"),
    [
        (*operation, mode)
        for operation in OPERATIONS
        for mode in GenerationMode
        if mode.is_positive or operation not in TAKE_NOTHING  # that could be wrong
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


def test_tokens_names_tags_and_closed_forms_are_described(desk):
    document = httpx.get(desk.url + "v1/openapi.json").json()
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    names = [
        operation["operationId"] for methods in document["paths"].values() for operation in methods.values()
    ]
    assert sorted(names) == [
        "create_job", "delete_job", "examine", "get_about", "get_artefact", "get_job", "get_manifest",
        "get_original", "list_jobs", "list_records", "protect", "retrieve", "verify",
    ]  # fmt: skip
    tags = {tag["name"] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert set(operation["tags"]) <= tags and operation["summary"] and operation["description"]
            assert ("security" in operation) == ("artefacts" not in path)
    assert document["paths"]["/v1/protect"]["post"]["security"] == [{"token": []}]
    assert document["paths"]["/v1/verify"]["post"]["security"] == [{}, {"token": []}]
    forms = [name for name in document["components"]["schemas"] if name.startswith("Body_")]
    assert len(forms) == 5
    assert all(document["components"]["schemas"][name]["additionalProperties"] is False for name in forms)


def test_examples_are_answers(desk):
    document = httpx.get(desk.url + "v1/openapi.json").json()
    shown = 0
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                content = response.get("content", {}).get("application/json", {})
                if status.startswith("2") and content:
                    schema = {"components": document["components"], **content["schema"]}
                    jsonschema.Draft202012Validator(schema).validate(content["example"])
                    shown += 1
    assert shown == 9
