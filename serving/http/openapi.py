"""`/openapi.json`: the resources described for programs (OpenAPI 3.1)."""

import copy
import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import TypeAdapter

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
    bodies: dict[str, TypeAdapter[Any]] = {
        resource.answer.__name__: TypeAdapter(resource.body_model)
        for resource in resources
        if resource.body_model
    }
    references, definitions = TypeAdapter.json_schemas(
        [
            *((name, "serialization", adapter) for name, adapter in adapters.items()),
            *((name, "validation", adapter) for name, adapter in bodies.items()),
        ],
        ref_template="#/components/schemas/{model}",
    )
    paths: dict[str, dict[str, Any]] = {}
    for resource in resources:
        name = resource.answer.__name__
        operation = _operation(resource, references[name, "serialization"])
        if resource.body_model:
            operation["requestBody"]["content"]["application/json"] = {
                "schema": references[name, "validation"]
            }
        paths.setdefault(resource.path, {})[resource.method.lower()] = operation
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
        "operationId": resource.operation,
        "x-codeSamples": [{"lang": "shell", "source": command} for command in resource.commands],
        "responses": {
            "200": {
                "description": "Answered.",
                "content": {resource.media_type: answer} | {kind: {} for kind in resource.also},
            },
            "default": {
                "description": "A problem, with a stable code.",
                "content": {
                    problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}
                },
            },
        },
    }
    parameters = [*_of_path(resource.path), *_of_query(resource)]
    if parameters:
        operation["parameters"] = parameters
    if resource.body:
        operation["requestBody"] = copy.deepcopy(dict(resource.body))
    if resource.deprecated:
        operation["deprecated"] = True
    return operation


_NAMES = {
    "model": "A model's name; `/v1/models` lists them.",
    "version": "Its version.",
}


def _of_path(path: str) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", path):
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": _NAMES[name],
            "schema": {"type": "string"},
        }


def _of_query(resource: Resource) -> Iterator[dict[str, Any]]:
    options = resource.query.model_json_schema()["properties"] if resource.query else {}
    for name, schema in options.items():
        parameter = {"name": name, "in": "query", "description": schema.pop("description")}
        if (deprecation := resource.deprecated_options.get(name)) is not None:
            parameter["description"] += f" {deprecation.notice}"
            parameter["deprecated"] = True
        yield parameter | {"schema": schema}
