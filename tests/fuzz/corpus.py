"""Make the committed corpus anew: `python -m tests.fuzz.corpus`.

Files named found-... stay: each is an input, made of our seeds by the fuzzer, that broke a rule.
"""

from tests.fuzz.session import CORPUS, FOUND, TARGETS, load


def main() -> None:
    """Write each target's seeds into its folder, in place of those that were there."""
    for name in TARGETS:
        folder = CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            if not path.name.startswith(FOUND):
                path.unlink()
        for file, data in load(name).seeds().items():
            (folder / file).write_bytes(data)


if __name__ == "__main__":
    main()
