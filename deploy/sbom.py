"""What serves, as software bills of materials: CycloneDX 1.6, JSON.

    python -m deploy.sbom --environment .venv --out dist/sbom

Two are written: of the wheel, with what `make serve` has installed beside it here, and of the
service's image, with what `deploy/requirements.lock` names, installed as `deploy/Dockerfile` does.
What the image's base brings from Debian is in neither; `docker build --sbom=true` lists that.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from endolink.model.bundle import Bundle

ROOT: Final = Path(__file__).resolve().parents[1]
NAME: Final = "endolink"
_MODEL: Final = "bundle"

Bom = dict[str, Any]


def main() -> None:
    """Write both."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--environment", type=Path, required=True, help="a virtual environment")
    arguments.add_argument("--out", type=Path, required=True, help="the folder to write into")
    given = arguments.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        wheel, image = install(Path(folder))
        for kind, python in (("wheel", given.environment / "bin" / "python"), ("image", image)):
            bom = completed(environment(python), wheel, Bundle.open())
            path = given.out / f"{wheel.stem}.{kind}.cdx.json"
            path.write_text(json.dumps(bom, indent=1, sort_keys=True) + "\n")
            print(f"{path}: {len(bom['components'])} components")


def install(folder: Path) -> tuple[Path, Path]:
    """Build the wheel and install what the image holds; give the wheel and its Python."""
    build, serve = folder / "build" / "bin" / "python", folder / "serve" / "bin" / "python"
    for python, options in ((build, ()), (serve, ("--without-pip",))):
        _run(sys.executable, "-m", "venv", *options, python.parents[1])
    pip = build, "-m", "pip", "--disable-pip-version-check", "--quiet"
    into = "--python", serve
    hashed = "--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement"
    _run(*pip, "install", *hashed, ROOT / "deploy" / "build.lock")
    _run(*pip, *into, "install", *hashed, ROOT / "deploy" / "requirements.lock")
    alone = "--no-deps", "--no-index"
    _run(*pip, "wheel", "--no-build-isolation", *alone, "--wheel-dir", folder, ROOT)
    (wheel,) = folder.glob(f"{NAME}-*.whl")
    _run(*pip, *into, "install", *alone, wheel)
    return wheel, serve


def environment(python: Path) -> Bom:
    """List what is installed beside `python`, and what needs what."""
    # Absolute, but not resolved: where the link lies says which environment it is.
    where = python.absolute()
    options = "--pyproject", ROOT / "pyproject.toml", "--spec-version", "1.6"
    bom: Bom = json.loads(_run(*_PROGRAM, "environment", *options, where))
    return bom


def completed(bom: Bom, wheel: Path, bundle: Bundle) -> Bom:
    """Say what is described, by its hash, and add the network; raises ValueError if it is invalid.

    The distribution itself is what the bill is of, and is not listed among its own components.
    """
    components = [each for each in bom["components"] if each["name"] != NAME]
    own = {each["bom-ref"] for each in bom["components"]} - {each["bom-ref"] for each in components}
    main = bom["metadata"]["component"]
    main["hashes"] = [_sha256(hashlib.sha256(wheel.read_bytes()).hexdigest())]
    main["purl"] = f"pkg:pypi/{NAME}@{main['version']}"
    dependencies = [each for each in bom["dependencies"] if each["ref"] not in own]
    for each in dependencies:
        each["dependsOn"] = sorted(set(each.get("dependsOn", [])) - own)
        if each["ref"] == main["bom-ref"]:
            each["dependsOn"].append(_MODEL)
    bom["components"] = [*components, _model(bundle)]
    bom["dependencies"] = [*dependencies, {"ref": _MODEL}]
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bom))
    if fault is not None:
        raise ValueError(f"not CycloneDX 1.6: {fault}")
    return bom


def _model(bundle: Bundle) -> Mapping[str, Any]:
    """Describe the bundle that comes with it, and each of its files."""
    manifest = bundle.manifest
    return {
        "type": "machine-learning-model",
        "bom-ref": _MODEL,
        "name": manifest.name,
        "version": manifest.version,
        "hashes": [_sha256(bundle.digest.removeprefix("sha256:"))],
        "licenses": [{"license": {"name": manifest.licence}}],
        "components": [
            {"type": "file", "name": name, "hashes": [_sha256(digest)]}
            for name, digest in sorted(bundle.digests.items())
        ],
    }


def _sha256(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}


_PROGRAM: Final = (sys.executable, "-m", "cyclonedx_py")


def _run(*command: str | Path) -> str:
    # What serves must not depend on what happens to lie where this is run.
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(  # noqa: S603 - our own words
        [str(word) for word in command], stdout=subprocess.PIPE, text=True, check=True, env=clean
    )
    return done.stdout


if __name__ == "__main__":
    main()
