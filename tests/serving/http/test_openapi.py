import httpx

from endolink.serving.app import RESOURCES
from endolink.serving.http.options import FrameOptions


def test_openapi_describes_every_resource_and_its_problems(client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()
    assert set(schema["paths"]) == {resource.path for resource in RESOURCES}
    for operations in schema["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            assert operation["description"]
            assert operation["x-codeSamples"]
            assert "422" not in operation["responses"]
            problem = operation["responses"]["default"]["content"]["application/problem+json"]
            assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert set(schema["components"]["schemas"]["Problem"]["required"]) >= {"type", "code"}


def test_every_reference_of_openapi_leads_somewhere(client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()

    def references(node: object) -> set[str]:
        if isinstance(node, dict):
            found = {node["$ref"]} if "$ref" in node else set()
            return found.union(*map(references, node.values()))
        if isinstance(node, list):
            return set().union(*map(references, node))
        return set()

    found = references(schema)
    assert found
    for reference in found:
        node = schema
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_every_option_is_a_parameter_with_its_rule(client: httpx.Client) -> None:
    operation = client.get("/openapi.json").json()["paths"]["/v1/frames"]["post"]
    parameters = {parameter["name"]: parameter for parameter in operation["parameters"]}
    assert set(parameters) == set(FrameOptions.model_fields)
    assert parameters["explain"]["schema"]["enum"] == ["none", "box", "heatmap"]
    assert all(parameter["in"] == "query" for parameter in parameters.values())


def test_operations_have_names_of_their_own(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    names = [
        operation["operationId"]
        for operations in paths.values()
        for operation in operations.values()
    ]
    assert len(names) == len(set(names)) == len(RESOURCES)
