"""The table of recipes: every string leads somewhere, light, and every flag is told."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields, is_dataclass

import pytest

from spectrack.cli import command_class
from spectrack.commands.base import Command
from spectrack.training.recipes import RECIPES, RecipeArguments

HEAVY = {"torch", "cv2", "av", "numba", "scipy", "matplotlib"}


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_complete(name):
    cls = RECIPES[name].load()
    assert issubclass(cls, RecipeArguments)
    assert is_dataclass(cls)
    known = {field.name for field in fields(cls)}
    assert set(cls.LEAST) <= known
    assert bool(RECIPES[name].holds) == ("overwrite" in known)
    command = command_class("train", name)
    assert {f.name for f in fields(command)} - {f.name for f in fields(Command)} == known | {
        "recipe"
    }


@pytest.mark.parametrize("name", RECIPES)
def test_help_of_a_recipe_tells_every_flag(spectrack, name):
    ran = spectrack("train", name, "--help")
    assert ran.status == 0
    text = " ".join(re.sub("[│╭╰╮╯─]|---+|-h, --help", " ", ran.out).split()).split(" options ")[-1]
    told = dict(re.findall(r" --([a-z-]+)(?: [A-Z,]+)? (.+?) \((?=default|required|repeat)", text))
    flags = {f.name.replace("_", "-") for f in fields(command_class("train", name))} - {"recipe"}
    assert set(told) == flags
    assert all(len(help_text) > 12 for help_text in told.values()), told
    assert f"Example: spectrack train {name} --" in ran.out


def test_the_list_names_all_and_others_are_refused(spectrack):
    ran = spectrack("train", "--help")
    assert ran.status == 0
    for name, recipe in RECIPES.items():
        assert f"{name}: {recipe.description}" in ran.out
    for given, said in (
        (["train", "sftrak", "--out", "o"], "'sftrak' does not exist (did you mean sftrack?)"),
        (["train", "--out", "o"], "RECIPE is missing; choose from fusion"),
        (["train"], "RECIPE is missing"),
        (["train", "rts", "--out", "o"], "--data is missing"),
    ):
        ran = spectrack(*given)
        assert (ran.status, ran.out) == (2, "")
        assert said in ran.err
        assert ran.err.count("\n") == 1


def test_flags_may_stand_before_the_recipe():
    from spectrack.cli import parse

    after = parse(["train", "rts", "--data", "d", "--out", "o", "--small"])
    assert parse(["train", "--data", "d", "--out", "o", "--small", "rts"]) == after


def test_parsing_a_recipe_loads_nothing_heavy():
    code = (
        "import sys\n"
        "from spectrack.cli import parse\n"
        "parse(['train', 'fusion', '--channels', 'a,b', '--root', 'r', '--out', 'o'])\n"
        "parse(['train', 'sftrack', '--data', 'd', '--out', 'o'])\n"
        "parse(['train', 'rts', '--data', 'd', '--out', 'o'])\n"
        "print(' '.join(m.split('.')[0] for m in sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(ran.stdout.split()) & HEAVY
