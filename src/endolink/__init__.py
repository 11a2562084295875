"""EndoLink: an endoscopy assistant that points; the clinician decides.

The rooms (`model`, `serving`, `training`, `sample_data`) stand at the root of the repository and
are linked here, so that they import as `endolink.model` and nothing called `model` is ever put
into anybody's site-packages.
"""

from importlib.metadata import version

__version__ = version("endolink")
