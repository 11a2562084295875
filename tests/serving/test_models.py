from pathlib import Path

import pytest

from endolink.model.errors import BundleInvalid, BundleMissing, ModelUnknown
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.bundles import tiny_bundle


def test_models_are_found_by_name_and_the_first_is_the_default(tmp_path: Path) -> None:
    first = tiny_bundle(tmp_path / "first", name="first")
    second = tiny_bundle(tmp_path / "second", name="second", seed=1)
    models = Models.open(Settings(bundles=(first, second), provider="cpu"))
    assert models.get(None).identity.name == "first"
    assert models.get("second").identity.name == "second"
    assert [model.identity.name for model in models] == ["first", "second"]
    with pytest.raises(ModelUnknown, match="first, second"):
        models.get("third")


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    paths = [tiny_bundle(tmp_path / folder, name="same") for folder in ("a", "b")]
    with pytest.raises(BundleInvalid, match="same"):
        Models.open(Settings(bundles=tuple(paths), provider="cpu"))


def test_a_missing_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleMissing):
        Models.open(Settings(bundles=(tmp_path / "nowhere",)))


def test_a_service_without_a_model_is_not_made() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Models({})
