"""`/v1/models`: which models answer here, and what they can say."""

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from endolink.model.classifier import Classifier
from endolink.model.findings import Kind, finding
from endolink.model.manifest import ValidatedInput
from endolink.serving.http import examples
from endolink.serving.http.resource import Resource, answer_json, service_of


class _Described(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Labels(_Described):
    """What a finding is called, by language."""

    en: str
    zh: str


class FindingDescription(_Described):
    """A finding that the model can point at, and its operating point."""

    code: str
    labels: Labels
    kind: Kind
    snomed: str | None = Field(description="The concept's SNOMED CT code, where it has one.")
    threshold: float = Field(description="From this probability on the finding is present.")
    sensitivity: float = Field(description="Measured at the threshold.")
    specificity: float = Field(description="Measured at the threshold.")
    measured_on: str


class ModelDescription(_Described):
    """A model that answers here."""

    name: str = Field(description="What `?model=` takes.")
    version: str
    digest: str = Field(description="SHA-256 of the manifest, as every verdict names it.")
    precision: str
    provider: str = Field(description="What computes the network.")
    default: bool = Field(description="Whether it answers where a request names no model.")
    input_size: int = Field(
        description="The side of the network's square input in pixels: a frame whose view is "
        "smaller is judged on less than the network could see."
    )
    validated_input: ValidatedInput
    findings: list[FindingDescription]
    licence: str
    notice: str


class ModelList(_Described):
    """All models that answer here."""

    models: list[ModelDescription]


async def list_models(request: Request) -> Response:
    """Say which models answer here, what they can point at, and how well that was measured."""
    models = service_of(request).models
    default = models.get(None)
    return answer_json(
        ModelList(models=[describe(model, default=model is default) for model in models])
    )


def describe(classifier: Classifier, *, default: bool) -> ModelDescription:
    """Describe an open model from its bundle's manifest."""
    identity, manifest = classifier.identity, classifier.bundle.manifest
    points = manifest.variant(identity.precision).operating_points
    return ModelDescription(
        name=identity.name,
        version=identity.version,
        digest=identity.digest,
        precision=identity.precision,
        provider=identity.provider,
        default=default,
        input_size=manifest.preprocess.size,
        validated_input=manifest.validated_input,
        findings=[
            FindingDescription(
                code=point.code,
                labels=Labels(en=finding(point.code).label, zh=finding(point.code).label_zh),
                kind=finding(point.code).kind,
                snomed=finding(point.code).snomed,
                threshold=point.threshold,
                sensitivity=point.sensitivity,
                specificity=point.specificity,
                measured_on=point.measured_on,
            )
            for point in points
        ],
        licence=manifest.licence,
        notice=manifest.notice,
    )


RESOURCES = (
    Resource("GET", "/v1/models", "List the models", list_models, ModelList, examples.MODELS),
)
