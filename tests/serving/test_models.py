import gc
import shutil
import weakref
from pathlib import Path

import pytest

from endolink.model.errors import BundleInvalid, BundleMissing, BundleTampered, ModelUnknown
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
    with pytest.raises(ModelUnknown, match=r"first 0\.1\.0, second"):
        models.get("third")


def test_versions_of_one_name_are_served_at_once_and_the_first_is_active(tmp_path: Path) -> None:
    new = tiny_bundle(tmp_path / "new", version="2.0.0", seed=1)
    old = tiny_bundle(tmp_path / "old", version="1.0.0")
    models = Models.open(Settings(bundles=(new, old), provider="cpu"))
    assert models.names == ("tiny",)
    assert models.get("tiny").identity.version == "2.0.0"
    assert models.get("tiny", "1.0.0").identity.version == "1.0.0"
    assert [models.is_active(model) for model in models] == [True, False]
    with pytest.raises(ModelUnknown):
        models.get("tiny", "3.0.0")


def test_two_models_of_one_name_and_version_are_refused(tmp_path: Path) -> None:
    paths = [tiny_bundle(tmp_path / folder, name="same") for folder in ("a", "b")]
    with pytest.raises(BundleInvalid, match="same"):
        Models.open(Settings(bundles=tuple(paths), provider="cpu"))


def test_a_missing_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleMissing):
        Models.open(Settings(bundles=(tmp_path / "nowhere",)))


def replace(folder: Path, **parts: str | int) -> None:
    shutil.rmtree(folder)
    tiny_bundle(folder, **parts)  # type: ignore[arg-type]


def test_a_new_version_takes_over_and_gives_back(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "tiny", version="1.0.0")
    models = Models.open(Settings(bundles=(folder,), provider="cpu"))
    first = models.get("tiny")
    models.reload()
    assert models.get("tiny") is first
    replace(folder, version="1.1.0", seed=1)
    models.reload()
    assert models.get("tiny").identity.version == "1.1.0"
    assert models.get("tiny", "1.0.0") is first
    models.activate("tiny", "1.0.0")
    assert models.get("tiny") is first
    with pytest.raises(ModelUnknown):
        models.activate("tiny", "9.9.9")
    assert models.get() is first


def test_the_way_back_outlasts_changes_of_others(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "tiny", version="1.0.0")
    other = tiny_bundle(tmp_path / "other", name="other", version="1.0.0", seed=3)
    models = Models.open(Settings(bundles=(folder, other), provider="cpu"))
    replace(folder, version="2.0.0", seed=1)
    models.reload()
    models.reload()
    models.activate("tiny", "1.0.0")
    # Nobody who brings another model a new version brings back what this one was left for.
    replace(other, name="other", version="2.0.0", seed=4)
    models.reload()
    assert models.get("tiny").identity.version == "1.0.0"
    assert models.get("other").identity.version == "2.0.0"
    # It is the folders' change that says otherwise.
    replace(folder, version="3.0.0", seed=2)
    models.reload()
    assert models.get("tiny").identity.version == "3.0.0"
    assert models.get("tiny", "1.0.0")
    with pytest.raises(ModelUnknown):
        models.get("tiny", "2.0.0")
    replace(folder, version="1.0.0")
    models.reload()
    assert models.get("tiny").identity.version == "1.0.0"


def test_what_was_replaced_twice_is_let_go(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "tiny", version="1.0.0")
    models = Models.open(Settings(bundles=(folder,), provider="cpu"))
    first = weakref.ref(models.get("tiny"))
    for version in ("1.1.0", "1.2.0"):
        replace(folder, version=version)
        models.reload()
    gc.collect()
    assert first() is None
    assert [model.identity.version for model in models] == ["1.2.0", "1.1.0"]


def test_a_change_that_fails_changes_nothing_and_is_remembered(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "tiny", version="1.0.0")
    models = Models.open(Settings(bundles=(folder,), provider="cpu"))
    first = models.get("tiny")
    replace(folder, version="1.0.0", seed=2)
    with pytest.raises(BundleInvalid, match="needs a new version"):
        models.reload()
    replace(folder, version="1.1.0")
    (folder / "model.onnx").write_bytes(b"")
    with pytest.raises(BundleTampered):
        models.reload()
    assert models.get("tiny") is first
    assert models.failure == "bundle-tampered"
    replace(folder, version="1.1.0")
    models.reload()
    assert models.failure is None


def test_a_version_that_is_activated_mends_a_failure(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "tiny", version="1.0.0")
    models = Models.open(Settings(bundles=(folder,), provider="cpu"))
    shutil.rmtree(folder)
    with pytest.raises(BundleMissing):
        models.reload()
    models.activate("tiny", "1.0.0")
    assert models.failure is None


def test_a_new_version_is_batched_as_the_one_before_without_measuring_under_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_bundle(tmp_path / "one", version="1.0.0")
    asked: list[tuple[str, int]] = []

    def decide(_: object, batching: str, *, workers: int, most: int) -> int:
        asked.append((batching, most))
        return 3

    monkeypatch.setattr("endolink.serving.models.batch_size", decide)
    models = Models.open(Settings(bundles=(folder,), provider="cpu", workers=2))
    before = models.get()
    replace(folder, version="2.0.0", seed=1)
    models.reload()
    assert models.get().identity.version == "2.0.0"
    assert models.batch_size(models.get()) == models.batch_size(before) == 3
    assert asked == [("auto", 8), ("on", 3)]
