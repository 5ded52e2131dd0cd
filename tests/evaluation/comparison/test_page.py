"""The page and the tables: whole, safe whatever names hold, and true to the numbers."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from spectrack.evaluation.comparison.figures import compare
from spectrack.evaluation.comparison.page import page
from spectrack.evaluation.comparison.plots import Line, Point, interval_plot, line_plot
from spectrack.evaluation.comparison.runs import read_runs, run_of
from spectrack.evaluation.comparison.tables import as_csv, as_json, as_latex, as_markdown


class Read(HTMLParser):
    """Tags with their attributes, the text between, and whether tags are closed in order."""

    VOID = frozenset({"meta", "img", "br", "link"})

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.texts.append(data.strip())


@pytest.fixture
def made(written):
    return compare(read_runs(written), resamples=200)


def test_the_page_is_whole_and_needs_nothing_else(made):
    text = page(made)
    read = Read(text)
    assert read.open == []
    for tag, attributes in read.tags:
        assert tag not in {"link", "iframe", "object", "embed", "base"}
        for name in ("src", "href", "action", "srcset"):
            assert attributes.get(name, "data:").startswith("data:"), (tag, attributes)
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style
    assert "http:" not in text
    assert "https:" not in text
    assert len(text) < 100_000
    assert text == page(made)  # the same page again


def test_names_are_never_html(made):
    text = page(made, title="<img src=x onerror=alert(1)>")
    read = Read(text)
    assert [tag for tag, _ in read.tags].count("script") == 1  # ours
    assert not any(tag in {"b", "img", "lakes"} and not a for tag, a in read.tags if tag != "b")
    assert not any(name.startswith("on") for _, a in read.tags for name in a)
    assert "<script>alert(1)</script>" in read.texts  # as text
    assert "<b>pike</b>" in read.texts
    policy = next(a["content"] for tag, a in read.tags if "http-equiv" in a)
    assert "default-src 'none'" in policy
    assert "unsafe-inline'; script" in policy  # styles alone


def test_the_numbers_are_there(made):
    texts = Read(page(made)).texts
    for cell in ("75.0", "60.0", "20.0", "blur", "attribute", "ab12", "defaults", "spectrack 0.1"):
        assert any(cell in text for text in texts), cell
    low, high = made.cells["good", "auc"].low, made.cells["good", "auc"].high
    assert f"{100 * low:.1f} to {100 * high:.1f}" in texts


def test_one_run_has_no_ranks(made):
    alone = compare(made.runs[:1], resamples=50)
    text = page(alone)
    assert "<sup>" not in text
    assert 'class="rank1"' not in text


def test_vot_has_its_plots(vot):
    runs = [run_of(vot), run_of({**vot, "result": "kcf"})]
    text = page(compare(runs, resamples=20))
    assert "Expected average overlap" in text
    assert "Accuracy and robustness" in text
    assert text.count('<circle class="point') == 4  # intervals, and accuracy over robustness


def numbers(path):
    return np.array(re.findall(r"([\d.]+) ([\d.]+)", path), float)


def test_lines_stand_where_their_values_are():
    x = np.array([0.0, 0.5, 1.0, 1.5, 2.0])
    svg = line_plot([Line("a", 9, x, np.array([1.0, 0.5, np.nan, 0.0, 0.25]))], "x", "y")
    drawn = re.search(r'class="line (.*?)" d="(.*?)"', svg)
    assert drawn[1] == "c1 dashed"  # the tenth run
    assert drawn[2].count("M") == 2  # the pen is lifted once
    places = numbers(drawn[2])
    width, height = places[:, 0].max() - places[:, 0].min(), places[:, 1].max() - places[:, 1].min()
    np.testing.assert_allclose((places[:, 0] - places[0, 0]) / width, [0, 0.25, 0.75, 1], atol=1e-3)
    np.testing.assert_allclose((places[:, 1] - places[0, 1]) / height, [0, 0.5, 1, 0.75], atol=1e-3)


def test_intervals_stand_where_their_values_are():
    svg = interval_plot([Point("<a>", 0, 0.5, low=0.4, high=0.7), Point("b", 1, 0.4)], "J")
    assert "&lt;a&gt;" in svg
    x1, x2 = (
        float(v)
        for v in re.search(r'd="M([\d.]+) [\d.]+H([\d.]+)" ?/?>', svg.split("line c0")[1]).groups()
    )
    centres = [float(v) for v in re.findall(r'cx="([\d.]+)"', svg)]
    assert (centres[0] - x1) / (x2 - x1) == pytest.approx(1 / 3, abs=0.01)
    assert centres[1] == pytest.approx(x1, abs=0.2)


def test_tables(made):
    text = as_markdown(made)
    assert "**75.0 [" in text
    assert "\\<script\\>" in text
    assert "| koi | 90.0 | 50.0 | 20.0 |" in text
    latex = as_latex(made)
    assert r"good & \textbf{75.0}" in latex
    assert r"\underline{60.0}" in latex
    assert r"\toprule" in latex
    weird = replace(made.runs[0], name="50% & $x_1^{2}$\\")
    assert r"50\% \& \$x\_1\textasciicircum{}\{2\}\$\textbackslash{} & " in as_latex(
        compare([weird], resamples=10)
    )
    rows = list(csv.DictReader(io.StringIO(as_csv(made))))
    assert {r["run"] for r in rows} == {"good", "<script>alert(1)</script>", "'=poor()"}
    (one,) = (r for r in rows if (r["run"], r["sequence"], r["figure"]) == ("good", "koi", "auc"))
    assert float(one["value"]) == 0.9
    (total,) = (r for r in rows if (r["run"], r["sequence"], r["figure"]) == ("good", "*", "auc"))
    assert (float(total["value"]), total["rank"]) == (0.75, "1")
    content = json.loads(as_json(made))
    assert [run["name"] for run in content["runs"]] == [run.name for run in made.runs]
    assert content["runs"][0]["figures"]["auc"]["value"] == pytest.approx(0.75)
    assert "source" not in json.dumps(content)
