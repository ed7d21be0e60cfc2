"""The description of the interface, made of the structs of `wire` and their docstrings."""

import inspect
from typing import Any

import msgspec

from prm_gym.claims import Claim
from prm_gym.serving import wire
from prm_gym.serving.problems import CODES

_MANY = {"name": "session", "in": "path", "required": True, "schema": {"type": "string"}}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A request that comes again under its key gets the answer that it got, and is not done twice.",
    "schema": {"type": "string", "maxLength": 200},
}

# Method, path, what it does, message in, message out.
OPERATIONS: tuple[tuple[str, str, str, type[Any] | None, type[Any]], ...] = (
    ("get", "/health", "Say that the server answers.", None, wire.Health),
    ("get", "/v1/environments", "List the environments, and what a client may choose.", None, wire.Environments),
    ("get", "/v1/verifiers", "List the verifiers that can be asked.", None, wire.Verifiers),
    ("post", "/v1/verify", "Have steps or claims judged.", wire.VerifyRequest, wire.Verdicts),
    ("post", "/v1/sessions", "Open a session.", wire.OpenRequest, wire.SessionReply),
    ("delete", "/v1/sessions/{session}", "Close a session.", None, wire.Done),
    ("post", "/v1/sessions/{session}/reset", "Begin an episode.", wire.ResetRequest, wire.ResetReply),
    ("post", "/v1/sessions/{session}/step", "Take a step.", wire.StepRequest, wire.StepReply),
    ("post", "/v1/sessions/{session}/batch/reset", "Begin episodes in several slots.", wire.BatchReset, wire.ResetReplies),
    ("post", "/v1/sessions/{session}/batch/step", "Take a step in several slots.", wire.BatchStep, wire.StepReplies),
    ("post", "/v1/sessions/{session}/snapshot", "Save an episode; the server keeps it.", wire.SlotRequest, wire.SnapshotReply),
    ("post", "/v1/sessions/{session}/restore", "Put a saved episode back.", wire.RestoreRequest, wire.ResetReply),
    ("post", "/v1/sessions/{session}/reseed", "Draw from another generator from here on.", wire.ReseedRequest, wire.Done),
    ("post", "/v1/sessions/{session}/solution", "Tell a solution, where the server does.", wire.SlotRequest, wire.SolutionReply),
)


def described(version: str, secured: bool) -> bytes:
    """OpenAPI 3.1, as JSON.

    Args:
        version: of the package.
        secured: whether the server asks for a token.
    """
    messages = {kind for _, _, _, *kinds in OPERATIONS for kind in kinds if kind is not None} | {wire.ProblemBody}
    references, schemas = msgspec.json.schema_components(
        sorted(messages, key=lambda kind: kind.__name__), schema_hook=_claim_schema, ref_template="#/components/schemas/{name}"
    )
    by_kind = dict(zip(sorted(messages, key=lambda kind: kind.__name__), references, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for method, path, says, given, gives in OPERATIONS:
        asks = None if given is None else by_kind[given]
        paths.setdefault(path, {})[method] = _operation(method, path, says, asks, by_kind[gives], by_kind[wire.ProblemBody])
    about = {"title": "prm_gym", "version": version, "description": inspect.getdoc(wire) or ""}
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {**about, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": schemas},
    }
    if secured:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
        paths["/health"]["get"]["security"] = []
    return msgspec.json.encode(document)


def _operation(method: str, path: str, says: str, given: Any, gives: Any, problem: Any) -> dict[str, Any]:
    name = "_".join(part for part in path.removeprefix("/v1").replace("{session}", "").split("/") if part)
    operation: dict[str, Any] = {
        "operationId": f"{method}_{name}",
        "summary": says,
        "responses": {
            "200": {"description": "It is done.", "content": {"application/json": {"schema": gives}}},
            "default": {
                "description": f"It is refused, with one of the codes {', '.join(CODES)}.",
                "content": {"application/problem+json": {"schema": problem}},
            },
        },
    }
    parameters = [_MANY] * ("{session}" in path) + [_KEY] * (path.startswith("/v1/sessions") and method == "post")
    if parameters:
        operation["parameters"] = parameters
    if given is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": given}}}
    return operation


def _claim_schema(kind: type[Any]) -> dict[str, Any]:
    """A claim: what it states depends on its type."""
    if kind is Claim:
        return {"type": "object", "required": ["type"], "properties": {"type": {"type": "string", "description": "tag of the claim"}}}
    raise NotImplementedError(f"no schema for {kind!r}")
