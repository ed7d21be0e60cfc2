"""The OpenAPI description: valid, complete, and true of what the server says."""

import json

import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("starlette")

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from serving_tools import ask, opened

from prm_gym.serving.openapi import OPERATIONS, described
from prm_gym.serving.problems import CODES


@pytest.fixture(scope="module")
def document(server):
    status, _, said = ask(server.url, "GET", "/openapi.json")
    assert status == 200
    return said


def test_it_is_valid_openapi(document):
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(document)
    validator.validate(json.loads(described("1.0", secured=True)))


def test_every_route_is_described(server, document):
    routes = {(method, route.path) for route in server.service.application().routes for method in route.methods - {"HEAD"}}
    assert {(method.upper(), path) for path, methods in document["paths"].items() for method in methods} == routes - {("GET", "/openapi.json")}
    assert len(OPERATIONS) == len(routes) - 1


def test_every_message_and_field_is_explained(document):
    schemas = document["components"]["schemas"]
    assert all(schema.get("description") for name, schema in schemas.items() if schema.get("type") == "object" and name != "Claim")
    assert document["paths"]["/v1/sessions"]["post"]["parameters"][0]["name"] == "Idempotency-Key"
    assert all(code in json.dumps(document) for code in CODES)


def test_what_the_server_says_fits_the_description(server, document):
    registry = Registry().with_resource("urn:api", DRAFT202012.create_resource(document))

    def fits(method, path, said):
        reference = document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        Draft202012Validator({"$ref": f"urn:api{reference}"}, registry=registry).validate(said)

    fits("get", "/health", ask(server.url, "GET", "/health")[2])
    fits("get", "/v1/environments", ask(server.url, "GET", "/v1/environments")[2])
    fits("get", "/v1/verifiers", ask(server.url, "GET", "/v1/verifiers")[2])
    claim = {"type": "equality", "left": "1 + 1", "right": "2"}
    fits("post", "/v1/verify", ask(server.url, "POST", "/v1/verify", {"verifier": "arithmetic", "claims": [claim]})[2])
    path = opened(server.url, "prm_gym/Shop-v0", num_envs=2)
    for what, body in (
        ("reset", {"seed": 1}),
        ("batch/reset", {"resets": [{"seed": 1, "slot": 0}, {"slot": 1}]}),
        ("step", {"action": "no step"}),
        ("batch/step", {"steps": [{"action": "no step", "slot": 1}]}),
        ("snapshot", {}),
        ("reseed", {"seed": 3}),
        ("solution", {}),
    ):
        status, _, said = ask(server.url, "POST", f"{path}/{what}", body)
        assert status == 200
        fits("post", f"/v1/sessions/{{session}}/{what}", said)
    ask(server.url, "DELETE", path)
    refused = ask(server.url, "POST", "/v1/sessions", {"env": "prm_gym/Nothing-v0"})[2]
    Draft202012Validator({"$ref": "urn:api#/components/schemas/ProblemBody"}, registry=registry).validate(refused)
