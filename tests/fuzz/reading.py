"""What an archive's scoring does with a source: it asks for all pictures, and decodes each."""

from collections.abc import Iterator
from itertools import islice

from endolink.model.errors import EndoLinkError, FrameError
from endolink.model.frame import decode
from endolink.serving.archive.picture import Picture, Unread

_MOST = 20


def read(found: Iterator[Picture | Unread]) -> None:
    """Read the first pictures; nothing but an EndoLinkError may come of any of them."""
    try:
        for item in islice(found, _MOST):
            if isinstance(item, Unread):
                assert item.error.detail
                continue
            try:
                loaded = item.load()
                if isinstance(loaded, bytes):
                    decode(loaded, declared=item.declared, min_side=224)
            except EndoLinkError as error:
                assert error.detail
                assert not isinstance(error, FrameError) or error.code != "frame-error"
    except EndoLinkError as error:
        assert error.detail
