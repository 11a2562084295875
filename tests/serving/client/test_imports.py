"""A client brings nothing of the server along."""

import subprocess
import sys


def test_a_client_shares_the_protocol_and_the_verdict_with_the_service_and_nothing_else() -> None:
    code = (
        "import sys, endolink.serving.client.http, endolink.serving.client.live; "
        "loaded = {name for name in sys.modules if name.startswith('endolink.')}; "
        "web = {'starlette', 'uvicorn', 'onnxruntime', 'scipy'} & set(sys.modules); "
        "print(*sorted(name for name in loaded if '.client' not in name), *web)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == [
        "endolink.model",
        "endolink.model.errors",
        "endolink.model.findings",
        "endolink.model.verdict",
        "endolink.serving",
        "endolink.serving.wire",
    ]
