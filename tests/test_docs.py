"""The docs are true: the reference is current, links lead somewhere, commands exist."""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from spectrack.cli import parse
from spectrack.spectral.guided.stream import GUIDED_PRESETS

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def test_pages_made_from_the_code_are_current():
    spec = importlib.util.spec_from_file_location("make_pages", ROOT / "docs" / "make_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for path, text in module.pages().items():
        assert path.read_text() == text, f"{path.name} is out of date; run make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


PLACES = (ROOT, ROOT / "src" / "spectrack")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_that_pages_name_are_there(page):
    for name in re.findall(r"`(\w+(?:/\w+)+\.py)`", page.read_text()):
        known = "NAME" in name or any((place / name).is_file() for place in PLACES)
        assert known, f"{page.name} names {name}"


def commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), flags=re.DOTALL):
            lines = [line.split("#")[0].strip() for line in block.splitlines()]
            found += [(page.name, line) for line in lines if line.startswith("spectrack ")]
    return found


@pytest.mark.parametrize(("page", "line"), commands())
def test_commands_in_the_docs_can_be_parsed(page, line):
    words = [w.strip('"') for w in line.removesuffix("...").split()[1:]]
    parse(words)


def rows_of_the_spectral_page() -> list[list[str]]:
    lines = (ROOT / "docs" / "concepts" / "spectral.md").read_text().splitlines()
    return [[c.strip() for c in line.strip("|").split("|")] for line in lines if line[:1] == "|"]


def test_spectral_page_quotes_the_settings():
    rows = rows_of_the_spectral_page()
    for field in fields(GUIDED_PRESETS["colour"]):
        values = [str(getattr(settings, field.name)) for settings in GUIDED_PRESETS.values()]
        assert [f"`{field.name}`", *values] in [row[:4] for row in rows], field.name


def test_pages_quote_what_the_figures_measured():
    """``docs/pictures/figures.json`` is written by ``experiments/sfsegpp/spectral_figures.py``."""
    found = json.loads((ROOT / "docs" / "pictures" / "figures.json").read_text())
    rows = rows_of_the_spectral_page()
    for name, angles in found["convergence"]["angle"].items():
        quoted = [f"`{name}`", *(str(a) for k, a in angles.items() if k != "0")]
        assert quoted in rows, name
    for name, errors in found["convergence"]["error"].items():
        numbers = [str(e) for e in errors.values()]
        assert numbers in [row[2:] for row in rows if f"`{name}`" in row[0]], name
    assert ["J", *(f"{v:.2f}" for v in found["convergence"]["overlap"].values())] in rows
    ends = found["before_after"]
    page, readme = ((ROOT / p).read_text() for p in ("docs/concepts/spectral.md", "README.md"))
    for text in (page, readme):
        assert f"{ends['before']} before, {ends['after']} after" in text
    steps, delay = found["wavefront"]["plain steps"], found["wavefront"]["delay"]
    assert f"{delay['colour']} steps of `colour` go as far as {steps['colour']} plain" in page
    assert f"the {delay['deep']} of `deep` as far as {steps['deep']}" in page
    assert f"{delay['colour']} for `colour`, {delay['deep']} for `deep`" in page
