"""Whether what the service's image is made of has known vulnerabilities.

    python -m deploy.vulnerabilities

pip-audit asks PyPI about every distribution that `deploy/requirements.lock` names. Known
vulnerabilities are an error; where nobody can be asked it says so in a line, and is none.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

LOCK: Final = Path(__file__).with_name("requirements.lock")
_ANSWER_S: Final = 5
_WHOLE_S: Final = 60


def main() -> int:
    """Look, and say what was found: the exit status."""
    status, said = judge(ask(LOCK))
    print(said, file=sys.stderr if status else sys.stdout)
    return status


def ask(lock: Path) -> Any:
    """Give pip-audit's report of `lock`; None where it has none to give."""
    options = "--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), *options]
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            [*command, "--timeout", str(_ANSWER_S)],
            capture_output=True,
            text=True,
            check=False,
            timeout=_WHOLE_S,
        )
        return json.loads(done.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        return None


def judge(report: Any) -> tuple[int, str]:
    """Say what a report means: the exit status, and a sentence.

    A distribution that the service does not know of is not one without vulnerabilities.
    """
    asked = [] if report is None else report["dependencies"]
    known = [each for each in asked if "skip_reason" not in each]
    unknown = len(asked) - len(known)
    found = [each for each in known if each["vulns"]]
    if found:
        lines = (
            f"  {each['name']} {each['version']}: {one['id']}, mended in "
            f"{', '.join(one['fix_versions']) or 'no version yet'}"
            for each in found
            for one in each["vulns"]
        )
        return 1, "\n".join(
            ("Vulnerabilities are known (`make lock` takes newer versions):", *lines)
        )
    if not known:
        return 0, "Vulnerabilities: nobody here can be asked, and nothing was checked."
    rest = f"; of {unknown} nothing could be learned" if unknown else ""
    return 0, f"Vulnerabilities: none known of {len(known)} distributions{rest}."


if __name__ == "__main__":
    sys.exit(main())
