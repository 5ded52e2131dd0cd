"""``spectrack train RECIPE``: one command for all that can be learned; flags are the recipe's."""

from __future__ import annotations

import inspect
import shutil
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, cast

from tyro.conf import Positional, arg

from spectrack.commands.base import Command, at_least, choose, table
from spectrack.commands.output import Layout, check_output
from spectrack.commands.run_note import RunNote, stages
from spectrack.errors import InputError
from spectrack.storage import claimed
from spectrack.training.recipes import RECIPES, Recipe, RecipeArguments

if TYPE_CHECKING:
    from spectrack.commands.console import Console


@dataclass(frozen=True, kw_only=True)
class TrainCommand(Command):
    """Learn from data with truth.

    Each recipe has flags of its own, see `spectrack train RECIPE --help`. A run that was stopped
    goes on when started again, and a finished one is not repeated.

    Example: spectrack train fusion --help
    """

    recipe: Annotated[Positional[str], arg(metavar="RECIPE")]
    """What to learn, one of the recipes that `spectrack train --help` lists."""

    def run(self, console: Console) -> int:
        """Learn, or go on learning, and say what came of it.

        Raises:
            InputError: If there is no such recipe, or something given cannot be used.
        """
        choose("recipe", self.recipe, RECIPES)
        # The command line makes the recipe's own command, see recipe_command.
        raise InputError(
            f"recipe {self.recipe} has flags of its own; give them after its name, see "
            f"spectrack train {self.recipe} --help"
        )


class RecipeRun(TrainCommand):
    """What the commands of all recipes do; their other base is the recipe's arguments."""

    def run(self, console: Console) -> int:
        """Learn, or go on learning, and say what came of it."""
        from spectrack.training.loop.exact import settle_threads

        recipe, arguments = RECIPES[self.recipe], cast(RecipeArguments, self)
        _check(arguments)
        note = RunNote(arguments.out, recipe.note, recipe.weights, arguments.asked())
        with claimed(arguments.out):
            summary = _claim(recipe, note, arguments)
            if summary is None:
                settle_threads()
                with stages(console) as stage:
                    summary = arguments.learn(lambda: note.write(None), stage)
                note.write(summary)
            else:
                console.remark(f"{arguments.out} holds this run, finished; it is not repeated")
        parts = arguments.report(summary)
        console.result(summary, "\n".join(p if isinstance(p, str) else table(p) for p in parts))
        return 0


@cache
def recipe_command(name: str) -> type[TrainCommand]:
    """The command of a recipe: its fields are the recipe's arguments.

    Args:
        name: In the table of recipes.

    Returns:
        A dataclass whose text is that of the arguments.
    """
    arguments = RECIPES[name].load()
    made = type(f"{arguments.__name__}Command", (arguments, RecipeRun), {"__doc__": None})
    made.__doc__ = inspect.getdoc(arguments)
    return cast(type[TrainCommand], dataclass(frozen=True, kw_only=True)(made))


def _check(arguments: RecipeArguments) -> None:
    """Counts, names, and then what the recipe says of them together."""
    for kind, given, known in arguments.choices():
        choose(kind, given, known)
    for name, least in arguments.LEAST.items():
        at_least("--" + name.replace("_", "-"), getattr(arguments, name), least)
    arguments.check()


def _claim(recipe: Recipe, note: RunNote, arguments: RecipeArguments) -> dict[str, Any] | None:
    """Make sure RUN is free or holds this run; what it came to, if it is finished.

    Raises:
        InputError: If it holds another run that may not be replaced, or other things.
    """
    replaces = "overwrite" in {field.name for field in fields(arguments)}
    if replaces:
        names = {recipe.weights, *recipe.holds}
        check_output(note.folder, Layout(recipe.note, frozenset(names)), overwrite=True)
        if not (note.folder / recipe.note).is_file():
            return None
    try:
        return note.claim()
    except InputError as error:
        if not replaces:
            raise
        if not getattr(arguments, "overwrite"):  # noqa: B009  not every recipe has it
            raise InputError(f"{error} or pass --overwrite") from error
    for name in recipe.holds:
        shutil.rmtree(note.folder / name, ignore_errors=True)
    for name in (recipe.weights, recipe.note):
        (note.folder / name).unlink(missing_ok=True)
    return None


TrainCommand.__doc__ = (inspect.getdoc(TrainCommand) or "").replace(
    "\n\nExample",
    "\n\nRecipes: "
    + "; ".join(f"{name}: {recipe.description}" for name, recipe in RECIPES.items())
    + ".\n\nExample",
)
