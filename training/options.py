"""The recipe's fields as options of a command, so that each is described in one place."""

import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Annotated, Any

import typer

from endolink.training.recipe import Recipe

_SHORT = {"architecture": "--arch"}
# Where a default follows from another value, it is said in words.
_DERIVED = {"train_size"}


def takes_recipe(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` an option for every field of Recipe.

    They arrive as its keyword arguments `**recipe`, None where they were not given: a default would
    hide what a file of settings says.
    """
    own = inspect.signature(command)
    named = [item for item in own.parameters.values() if item.kind is not item.VAR_KEYWORD]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in _options().items()
    ]

    @wraps(command)
    def called(**given: Any) -> None:
        command(**given)

    called.__signature__ = own.replace(parameters=[*named, *added])  # type: ignore[attr-defined]
    called.__annotations__ = {item.name: item.annotation for item in [*named, *added]}
    return called


def _options() -> dict[str, Any]:
    hints = typing.get_type_hints(Recipe, include_extras=True)
    made = {}
    for item in fields(Recipe):
        kind, *notes = typing.get_args(hints[item.name])
        text = next((note.description for note in notes if getattr(note, "description", None)), "")
        default = item.default
        names = [f"--{item.name.replace('_', '-')}", _SHORT.get(item.name)]
        made[item.name] = Annotated[
            _plain(kind) | None,
            typer.Option(
                *filter(None, names),
                help=text,
                show_default=False if default is None or item.name in _DERIVED else str(default),
                rich_help_panel="Recipe",
            ),
        ]
    return made


def _plain(kind: Any) -> Any:
    """Give what the command line reads for a field: its values are checked by the recipe."""
    if isinstance(kind, types.UnionType):
        (kind,) = (one for one in typing.get_args(kind) if one is not type(None))
    return str if typing.get_origin(kind) is typing.Literal else kind
