"""`/openapi.json`: the resources described for programs (OpenAPI 3.1)."""

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, TypeAdapter

from endolink import __version__
from endolink.serving.http import problems
from endolink.serving.http.resource import Resource

DESCRIPTION = (
    "An endoscopy assistant: send a frame, get a verdict. It points at what may be a finding; the "
    "clinician decides. What it says is not a diagnosis."
)


def describe(resources: Iterable[Resource]) -> dict[str, Any]:
    """Describe `resources`, and the problems that any of them may answer with."""
    resources = tuple(resources)
    adapters: dict[str, TypeAdapter[Any]] = {
        resource.answer.__name__: TypeAdapter(resource.schema) for resource in resources
    }
    adapters["problem"] = TypeAdapter(problems.Problem)
    references, definitions = TypeAdapter.json_schemas(
        [(name, "serialization", adapter) for name, adapter in adapters.items()],
        ref_template="#/components/schemas/{model}",
    )
    paths: dict[str, dict[str, Any]] = {}
    for resource in resources:
        schema = references[resource.answer.__name__, "serialization"]
        paths.setdefault(resource.path, {})[resource.method.lower()] = _operation(resource, schema)
    return {
        "openapi": "3.1.0",
        "info": {"title": "EndoLink", "version": __version__, "description": DESCRIPTION},
        "paths": paths,
        "components": {"schemas": definitions["$defs"]},
    }


def _operation(resource: Resource, schema: Any) -> dict[str, Any]:
    answer: dict[str, Any] = {"schema": schema}
    if resource.example:
        answer["example"] = resource.example
    operation: dict[str, Any] = {
        "summary": resource.summary,
        "description": resource.description,
        "operationId": resource.answer.__name__,
        "x-codeSamples": [{"lang": "shell", "source": command} for command in resource.commands],
        "responses": {
            "200": {"description": "Answered.", "content": {resource.media_type: answer}},
            "default": {
                "description": "A problem, with a stable code.",
                "content": {
                    problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}
                },
            },
        },
    }
    if resource.query:
        operation["parameters"] = list(_parameters(resource.query))
    if resource.body:
        operation["requestBody"] = resource.body
    return operation


def _parameters(query: type[BaseModel]) -> Iterator[dict[str, Any]]:
    for name, schema in query.model_json_schema()["properties"].items():
        description = schema.pop("description")
        yield {"name": name, "in": "query", "description": description, "schema": schema}
