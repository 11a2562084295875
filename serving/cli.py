"""`endolink serve`: the service on a port."""

import shlex
import signal
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Annotated, Any, Literal

import typer
from pydantic import ValidationError
from rich.console import Console

from endolink import sample_data
from endolink.model.errors import EndoLinkError
from endolink.model.runtime import Provider
from endolink.serving.access.settings import is_loopback
from endolink.serving.app import create_app
from endolink.serving.logs import Format
from endolink.serving.models import Models
from endolink.serving.server import log_to_stderr, make_server
from endolink.serving.settings import Settings
from endolink.serving.signatures import Policy

# A rendered frame with a polyp in plain view.
_SAMPLE = "polyp-sessile"


def serve(
    *,
    host: Annotated[
        str | None, typer.Option(help="The address to listen on.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="The port to listen on; 0 takes a free one.", show_default="8000"),
    ] = None,
    bundle: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="An exported model; give it again for more. The first answers where a request "
            "names none. By default the bundled colonoscopy model.",
        ),
    ] = None,
    provider: Annotated[
        Provider | None, typer.Option(help="What computes the network.", show_default="auto")
    ] = None,
    precision: Annotated[
        Literal["auto", "fp32", "int8", "bf16"] | None,
        typer.Option(
            help="What the network computes in, where the bundle holds it; auto: the fastest that "
            "passed its gate here.",
            show_default="fp32",
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(help="Threads of one network run.", show_default="the container's CPU quota"),
    ] = None,
    signer: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Who is trusted to sign bundles: a public key of `endolink bundle key`, or an "
            "authority's certificate, in PEM; give it again for more.",
        ),
    ] = None,
    signatures: Annotated[
        Policy | None,
        typer.Option(
            help="What happens to a bundle that nobody trusted has signed: `require` refuses it, "
            "`warn` logs it, `off` does not look. The bundled model needs no signature.",
            show_default="warn; beyond this machine require, and nothing else",
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Ask everybody for an API key of this file; `endolink key create` makes them. "
            "Beyond this machine it is not served without, or without an identity provider.",
        ),
    ] = None,
    audit: Annotated[
        str | None,
        typer.Option(
            metavar="LOG",
            help="Remember who asked what, and what was answered: an SQLite file, or "
            "postgresql://...",
        ),
    ] = None,
    audit_key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What signs it; `endolink audit key FILE` makes one."),
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Encrypt: the certificate chain, in PEM.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The certificate's private key, in PEM.")
    ] = None,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        typer.Option(help="How much is written to standard error; never a frame or its name."),
    ] = "info",
    log_format: Annotated[
        Format, typer.Option(help="Lines of text for people, or of JSON for programs.")
    ] = "text",
) -> None:
    """Answer frames with verdicts over HTTP. It points; the clinician decides.

    Once it listens it prints where to look and a command that scores a sample frame. Ctrl-C or
    SIGTERM stops it after it has answered every frame that it had admitted. SIGHUP makes it read
    the bundles' folders again: a new version is checked and warmed up beside the one that answers,
    and takes over without a frame lost.

    Whatever is not given here is read from the environment: ENDOLINK_HOST, ENDOLINK_PORT,
    ENDOLINK_BUNDLES and ENDOLINK_SIGNERS (separated as in PATH), ENDOLINK_SIGNATURES,
    ENDOLINK_PROVIDER, ENDOLINK_PRECISION, ENDOLINK_THREADS, ENDOLINK_WORKERS, ENDOLINK_BATCHING,
    ENDOLINK_BATCHING_MOST, ENDOLINK_MAX_BYTES, ENDOLINK_MAX_PIXELS, ENDOLINK_MIN_SIDE,
    ENDOLINK_QUEUE, ENDOLINK_CONNECTIONS, ENDOLINK_STREAMS, ENDOLINK_UPLOADS, ENDOLINK_UPLOAD_BYTES,
    ENDOLINK_UPLOAD_SECONDS, ENDOLINK_BATCH_FRAMES, ENDOLINK_BATCH_BYTES, ENDOLINK_SHUTDOWN_GRACE,
    ENDOLINK_TRACES, ENDOLINK_TRACE_FRAMES. Keeping frames (ENDOLINK_RETAIN) and what may leave
    (ENDOLINK_EGRESS) are set there alone.

    For example:

        endolink serve

        endolink serve --port 9000 --bundle my-model/
    """
    given: dict[str, Any] = {
        "host": host,
        "port": port,
        "bundles": tuple(bundle) if bundle else None,
        "provider": provider,
        "precision": precision,
        "threads": threads,
        "signers": tuple(signer) if signer else None,
        "signatures": signatures,
        "keys": keys,
        "audit": audit,
        "audit_key": audit_key,
        "tls_certificate": tls_certificate,
        "tls_key": tls_key,
    }
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise typer.BadParameter(_say(error)) from None
    log_to_stderr(log_level, log_format)
    # The server gives a signal that stopped it back to whoever handled it before: leave then, with
    # success; until it listens there is nothing to finish.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    models = Models.open(settings)
    _reload_on_hangup(models)
    app = create_app(settings, models)
    make_server(app, settings, lambda bound: _announce(settings, bound)).run()


def _reload_on_hangup(models: Models) -> None:
    """Have SIGHUP, where there is such a signal, read the bundles again beside the requests."""

    def reload() -> None:
        # What is wrong with a bundle is logged, and the models before go on answering.
        with suppress(EndoLinkError):
            models.reload()

    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda *_: Thread(target=reload, name="reload").start())


def _say(error: ValidationError) -> str:
    # Where a rule joins several settings its input is all of them, secrets included.
    return "; ".join(
        f"{'.'.join(str(part) for part in fault['loc'])}={fault['input']!r}: {fault['msg']}"
        if fault["loc"]
        else fault["msg"]
        for fault in error.errors()
    )


def _announce(settings: Settings, port: int) -> None:
    """Print where to look and what to try; warn where the network can listen in."""
    scheme = "http" if settings.tls_certificate is None else "https"
    url = f"{scheme}://{_reachable(settings.host)}:{port}"
    frame = next(path for path in sample_data.frames() if path.stem == _SAMPLE)
    key = ' -H "Authorization: Bearer $ENDOLINK_KEY"' if settings.guarded else ""
    out = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
    out.print(f"EndoLink listens on {url} and says how to use it at {url}/docs")
    out.print("Score a sample frame:\n")
    out.print(f"  curl -sS --data-binary @{shlex.quote(str(frame))}{key} {url}/v1/frames\n")
    out.print("It points; the clinician decides. Ctrl-C stops it.")
    if scheme == "http" and not settings.trusted_proxies and not is_loopback(settings.host):
        Console(stderr=True, soft_wrap=True).print(
            f"WARNING: {settings.host} can be reached from the network, and what is sent is not "
            "encrypted. Give a certificate (--tls-certificate, --tls-key), or put a proxy before "
            "it that does this, and name it in ENDOLINK_TRUSTED_PROXIES.",
            style="bold red",
        )


def _reachable(host: str) -> str:
    """Give the address at which this machine reaches a service that listens on `host`."""
    if host == "0.0.0.0":  # noqa: S104 - compared with, not listened on
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host
