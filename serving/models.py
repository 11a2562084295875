"""The models that one service answers with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from endolink.model.classifier import Classifier
from endolink.model.errors import BundleInvalid, ModelUnknown
from endolink.serving.settings import Settings


@dataclass(frozen=True)
class Models:
    """Open, warm classifiers by name; the first is the one that answers where none is named."""

    by_name: Mapping[str, Classifier]

    def __post_init__(self) -> None:
        if not self.by_name:
            raise ValueError("a service has at least one model")

    @classmethod
    def open(cls, settings: Settings) -> "Models":
        """Open every bundle of `settings`, or the bundled model where there are none.

        Raises
        ------
        BundleError, ProviderUnavailable
            As `Classifier.open` does; BundleInvalid where two bundles have one name.
        """
        by_name: dict[str, Classifier] = {}
        for path in settings.bundles or (None,):
            classifier = Classifier.open(
                path,
                provider=settings.provider,
                threads=settings.threads,
                limits=settings.limits,
            )
            name = classifier.identity.name
            if name in by_name:
                raise BundleInvalid(
                    f"{path} is the second bundle with the name {name!r}; clients could not tell "
                    "them apart."
                )
            by_name[name] = classifier
        return cls(by_name)

    def __iter__(self) -> Iterator[Classifier]:
        return iter(self.by_name.values())

    def get(self, name: str | None) -> Classifier:
        """Give the model called `name`, or the first one for None.

        Raises
        ------
        ModelUnknown
            No model of this name is served; the detail lists those that are.
        """
        if name is None:
            return next(iter(self))
        try:
            return self.by_name[name]
        except KeyError:
            served = ", ".join(self.by_name)
            raise ModelUnknown(f"The models served here are: {served}.") from None
