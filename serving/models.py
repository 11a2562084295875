"""The models that one service answers with: by name and version, changed while it runs."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from endolink.model.bundle import Bundle
from endolink.model.classifier import Classifier
from endolink.model.errors import BundleInvalid, EndoLinkError, ModelUnknown
from endolink.model.runtime import available_cpus
from endolink.serving.batch_size import batch_size
from endolink.serving.logs import log
from endolink.serving.settings import Settings
from endolink.serving.signatures import Doorkeeper

logger = logging.getLogger(__name__)

Key = tuple[str, str]


@dataclass(frozen=True)
class _Table:
    """Who answers: replaced as a whole, so that no request ever sees half a switch.

    `active` says which version answers, by name, where a request names none; the first name is the
    one that answers where a request names nothing at all. `batches` says how many frames each
    one's network is given at once. `held` are the versions that the folders held of each name.
    """

    served: Mapping[Key, Classifier]
    active: Mapping[str, str]
    batches: Mapping[Classifier, int]
    held: Mapping[str, Sequence[str]]


@dataclass
class Models:
    """Open, warm classifiers; safe to ask from any thread while they are changed in another.

    A request keeps the classifier that it was given: one that is replaced finishes what it began,
    and is let go when nobody holds it any more.
    """

    settings: Settings
    _table: _Table
    _changing: Lock = field(default_factory=Lock)
    _failure: str | None = None

    @classmethod
    def open(cls, settings: Settings) -> "Models":
        """Open every bundle of `settings`, or the bundled model where there are none.

        Of several versions of one name, the first is the one that answers.

        Raises
        ------
        BundleError, ProviderUnavailable, SigningKeyUnusable
            As `Classifier.open` does; BundleInvalid where two bundles have one name and version.
        """
        return cls(settings, _read(settings, _Table({}, {}, {}, {})))

    @property
    def failure(self) -> str | None:
        """The code of the error that the last change ended with; None where it went well."""
        return self._failure

    def __iter__(self) -> Iterator[Classifier]:
        return iter(self._table.served.values())

    @property
    def names(self) -> Sequence[str]:
        """The names that are served; the first answers where a request names none."""
        return tuple(self._table.active)

    def get(self, name: str | None = None, version: str | None = None) -> Classifier:
        """Give the model called `name`, or the first one; of it `version`, or the active one.

        Raises
        ------
        ModelUnknown
            No such model is served; the detail lists those that are.
        """
        table = self._table
        if name is None:
            name = next(iter(table.active))
        try:
            return table.served[name, version or table.active[name]]
        except KeyError:
            served = ", ".join(f"{known} {number}" for known, number in table.served)
            raise ModelUnknown(f"The models served here are: {served}.") from None

    def is_active(self, classifier: Classifier) -> bool:
        """Whether `classifier` answers where a request names its name and no version."""
        identity = classifier.identity
        return self._table.active.get(identity.name) == identity.version

    def batch_size(self, classifier: Classifier) -> int:
        """How many frames the network of `classifier` is given at once; 1 is no batching."""
        return self._table.batches.get(classifier, 1)

    def reload(self) -> None:
        """Read the settings' folders and signers again, and answer with what they hold now.

        A bundle that is new is verified, self-tested and warmed up beside those that serve; then
        all answer at once. The version that answered before stays, for whoever names it and for
        `activate`, until the folders hold something else of its name again; while they do not, a
        version that was activated goes on. Where anything fails nothing changes.

        Raises
        ------
        BundleError, ProviderUnavailable, SigningKeyUnusable
            As `open` does; BundleInvalid also where a version that is served has other contents.
        """
        with self._changing:
            try:
                self._switch(_read(self.settings, self._table))
            except EndoLinkError as error:
                self._failure = error.code
                log(logger, logging.ERROR, "kept models", error=error.code)
                raise
            self._failure = None

    def activate(self, name: str, version: str) -> None:
        """Let `version` answer for `name` from now on: the way back after a `reload`.

        Raises
        ------
        ModelUnknown
            It is not served.
        """
        with self._changing:
            self.get(name, version)
            table = self._table
            self._switch(replace(table, active={**table.active, name: version}))
            self._failure = None

    def _switch(self, table: _Table) -> None:
        before, self._table = self._table.active, table
        for name, version in table.active.items():
            if before.get(name) != version:
                log(logger, logging.INFO, "switched", model=name, version=version)


def _read(settings: Settings, before: _Table) -> _Table:
    """Open what the folders hold, take over from `before` what is the same."""
    served: dict[Key, Classifier] = {}
    held: dict[str, list[str]] = {}
    # Read again each time: who is trusted changes without a restart, too.
    doorkeeper = Doorkeeper.of(settings.policy, settings.signers)
    for path in settings.bundles or (None,):
        bundle = doorkeeper.admit(Bundle.open(path))
        name, version = bundle.manifest.name, bundle.manifest.version
        known = before.served.get((name, version))
        if known is not None and known.identity.digest != bundle.digest:
            raise BundleInvalid(
                f"version: {path} holds another {name} {version} than the one that is served; "
                "what has changed needs a new version."
            )
        if (name, version) in served:
            raise BundleInvalid(
                f"version: {path} is the second bundle that is {name} {version}; clients could not "
                "tell them apart."
            )
        served[name, version] = known or Classifier.of(
            bundle,
            provider=settings.provider,
            threads=settings.threads,
            precision=settings.precision,
            limits=settings.limits,
        )
        held.setdefault(name, []).append(version)
    active = {name: versions[0] for name, versions in held.items()}
    # Another name's change, or none, takes nobody's way back, nor brings back what was left.
    same = {name for name, versions in held.items() if before.held.get(name) == versions}
    active |= {name: before.active[name] for name in same}
    for (name, version), classifier in before.served.items():
        if name in same or (name in active and version == before.active[name]):
            served.setdefault((name, version), classifier)
    batches = {
        classifier: before.batches.get(classifier) or _batch_size(settings, classifier, before)
        for classifier in served.values()
    }
    return _Table(served, active, batches, held)


def _batch_size(settings: Settings, classifier: Classifier, before: _Table) -> int:
    """Say how many frames a network that was just opened is given at once."""
    batching, most = settings.batching, settings.batching_most
    workers = settings.workers or available_cpus()
    name = classifier.identity.name
    if batching == "auto" and name in before.active:
        # Measured while frames are judged it would slow them down, and be wrong.
        most = before.batches[before.served[name, before.active[name]]]
        batching = "on"
    return batch_size(classifier, batching, workers=workers, most=most)
