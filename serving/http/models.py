"""`/v1/models`: which models answer here, and what they can say."""

import asyncio

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from endolink.model.classifier import Classifier
from endolink.model.errors import EndoLinkError, ModelChangeRefused
from endolink.model.findings import Kind, finding
from endolink.model.manifest import ValidatedInput
from endolink.serving.http import examples
from endolink.serving.http.options import Query
from endolink.serving.http.resource import (
    Resource,
    answer_json,
    local_only,
    principal_of,
    service_of,
)
from endolink.serving.models import Models


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
    active: bool = Field(
        description="Whether it answers where a request names its name and no version."
    )
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
    return answer_json(_list(service_of(request).models))


async def reload_models(request: Request) -> Response:
    """Read the bundles' folders again, and answer with what they hold now.

    A new version is verified, self-tested and warmed up beside the one that answers, and takes over
    between two requests; the one before stays for whoever names its version. Where anything is
    wrong with it nothing changes. SIGHUP does the same. It takes the scope `admin`; where
    nobody is asked who they are, it is only for the service's own machine.
    """
    local_only(request)
    models = service_of(request).models
    await _note(request, "reload", models.get())
    try:
        await asyncio.to_thread(models.reload)
    except EndoLinkError as error:
        raise ModelChangeRefused(
            f"{error.code}: {error.detail} The models before go on answering."
        ) from None
    return answer_json(_list(models))


async def activate_model(request: Request) -> Response:
    """Let another version that is loaded answer from now on: the way back from a new one.

    It takes the scope `admin`; where nobody is asked, it is only for the service's own machine.
    """
    local_only(request)
    options = Activation.of(request)
    models = service_of(request).models
    await _note(request, "activate", models.get(options.model, options.version))
    await asyncio.to_thread(models.activate, options.model, options.version)
    return answer_json(_list(models))


async def _note(request: Request, action: str, classifier: Classifier) -> None:
    """Note what is about to be done: a change that cannot be remembered is not made."""
    if (audit := service_of(request).audit) is not None:
        identity = classifier.identity
        await audit.admin(principal_of(request).name, action, identity.name, identity.digest)


class Activation(Query):
    """The query that names a model which is to answer."""

    model: str = Field(description="Its name.")
    version: str = Field(description="Its version; `/v1/models` lists those that are loaded.")


def _list(models: Models) -> ModelList:
    default = models.get()
    return ModelList(
        models=[
            describe(model, active=models.is_active(model), default=model is default)
            for model in models
        ]
    )


def describe(classifier: Classifier, *, active: bool, default: bool) -> ModelDescription:
    """Describe an open model from its bundle's manifest."""
    identity, manifest = classifier.identity, classifier.bundle.manifest
    points = manifest.variant(identity.precision).operating_points
    return ModelDescription(
        name=identity.name,
        version=identity.version,
        digest=identity.digest,
        precision=identity.precision,
        provider=identity.provider,
        active=active,
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
    Resource(
        "POST",
        "/v1/models:reload",
        "Take over new versions",
        reload_models,
        ModelList,
        examples.RELOAD,
    ),
    Resource(
        "POST",
        "/v1/models:activate",
        "Let another version answer",
        activate_model,
        ModelList,
        examples.ACTIVATE,
        query=Activation,
    ),
)
