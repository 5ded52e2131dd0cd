"""Pulling by name: mirrors, hashes that are known or recorded, and every row of the table."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
import torch

from file_site import FORM, Site
from pytracking_like import checkpoint_of
from spectrack.errors import InputError
from spectrack.weights import drive
from spectrack.weights.cache import cached
from spectrack.weights.convert import pull
from spectrack.weights.files import read_weights
from spectrack.weights.published_backbones import BACKBONES
from spectrack.weights.records import read_record, record_file
from spectrack.weights.table import WEIGHTS, WeightsEntry

SPEC = Path(__file__).resolve().parents[3] / "shared" / "spec" / "weights_sources.md"
NO_SOURCE = {"siamfc_alexnet", "mdnet"}  # people have it, and nobody tells where it is to be had
LEARNED = {"dimp_small"}  # people make it by themselves


@pytest.fixture
def entry(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[WeightsEntry]:
    """Weights ``one``, which the server has; a cache of its own."""
    monkeypatch.setenv("SPECTRACK_CACHE", str(tmp_path / "cache"))
    site.content = content(tmp_path, 1.0)
    row = WeightsEntry(
        description="a test", file="one.pth", paper="none", licence="none", sources=(site.url,)
    )
    with mock.patch.dict(WEIGHTS, {"one": row}):
        yield row


BARE = "siamrpn_mobilev2_l234_dwxcorr"
"""Weights of a network that is not here: any numbers are as good as theirs."""


def content(folder: Path, number: float) -> bytes:
    """A checkpoint with one number."""
    return checkpoint_of({"a": torch.tensor([number])}, folder / "made.pth").read_bytes()


def use(row: WeightsEntry, **changes: object) -> None:
    WEIGHTS["one"] = replace(row, **changes)


def test_the_command_fetches_from_the_drive(entry, site, spectrack, monkeypatch):
    """From the row of the table, through the page that asks, to the file in the cache."""
    monkeypatch.setattr(drive, "HOST", site.url.removesuffix("/weights/rts50.pth"))
    site.page = FORM
    ran = spectrack("weights", "pull", BARE)
    assert (ran.status, ran.out) == (0, f"{BARE}: 1 tensors in {cached(BARE)}\n")
    key = WEIGHTS[BARE].sources[0].removeprefix("gdrive:")
    assert site.paths[0] == f"/download?id={key}&export=download&confirm=t"
    assert site.paths[1].endswith("&uuid=7")
    assert read_record(BARE).sha256 == hashlib.sha256(site.content).hexdigest()


def test_mirrors_are_tried_in_order(entry, site):
    base = site.url.removesuffix("/weights/rts50.pth")
    use(entry, sources=("gfolder:F", f"{base}/absent", site.url, f"{base}/never"))
    made = pull("one")
    assert site.paths == ["/absent", "/weights/rts50.pth"]
    assert read_weights(made.path).tensors["a"].item() == 1
    assert made.about["source"].endswith("-one.pth")
    assert read_record("one").source == site.url


def test_where_no_mirror_gives_it_all_reasons_are_told(entry, site):
    base = site.url.removesuffix("/weights/rts50.pth")
    use(entry, sources=("gfolder:F", f"{base}/absent"))
    with pytest.raises(InputError, match=r"none of 2 sources gives one: .*is a folder.*; .*404"):
        pull("one")
    assert not cached("one").exists()


def test_a_mirror_with_another_file_is_passed_over(entry, site, tmp_path):
    other = tmp_path / "other.pth"
    other.write_bytes(content(tmp_path, 2.0))
    digest = hashlib.sha256(site.content).hexdigest()
    for known in (digest, digest[:8]):
        use(entry, sources=(other.as_uri(), site.url), sha256=known)
        assert read_weights(pull("one").path).tensors["a"].item() == 1
    use(entry, sources=(other.as_uri(),), sha256=digest[:8])
    with pytest.raises(InputError, match=f"another file than expected .*not {digest[:8]}"):
        pull("one")
    assert other.exists()


def test_a_file_larger_than_published_is_refused(entry, site):
    use(entry, size_bytes=len(site.content) - 1)
    with pytest.raises(InputError, match=f"has {len(site.content)} bytes"):
        pull("one")
    use(entry, size_bytes=len(site.content))
    pull("one")


def test_the_first_pull_is_recorded_and_later_ones_are_held_to_it(entry, site, tmp_path):
    first = pull("one")
    record = read_record("one")
    assert record.sha256 == hashlib.sha256(site.content).hexdigest() == first.about["sha256"]
    assert record.cached_sha256 == hashlib.sha256(first.path.read_bytes()).hexdigest()
    held, pull_again = first.path.read_bytes(), ((None,), (site.url,))
    for source in pull_again:
        pull("one", *source)
        pull("one")
    site.content, site.etag = content(tmp_path, 2.0), '"two"'
    found = hashlib.sha256(site.content).hexdigest()
    for source in pull_again:
        with pytest.raises(InputError) as refused:
            pull("one", *source)
        assert str(refused.value) == (
            f"{site.url} is another file than was pulled first (SHA-256 {found}, not "
            f"{record.sha256}); delete {record_file('one')} if that is as it should be"
        )
        assert first.path.read_bytes() == held
        assert list((tmp_path / "cache" / "downloads").iterdir()) == []
    record_file("one").unlink()
    assert read_weights(pull("one").path).tensors["a"].item() == 2


def test_a_file_of_ones_own_may_change(entry, tmp_path):
    own = tmp_path / "own.pth"
    for number in (3.0, 4.0):
        own.write_bytes(content(tmp_path, number))
        assert read_weights(pull("one", str(own)).path).tensors["a"].item() == number
    assert read_record("one").published is False


def test_a_damaged_record_binds_nothing(entry):
    for text in ("", "[]", "{}", '{"sha256": 1}'):
        pull("one")
        record_file("one").write_text(text)
        assert read_record("one") is None
    pull("one")
    assert read_record("one") is not None


def test_a_page_instead_of_the_file_leaves_the_cache_as_it_was(entry, site):
    held = pull("one").path.read_bytes()
    site.page = b"<html><title>Not here</title></html>"
    with pytest.raises(InputError, match='web page "Not here" where a file was expected'):
        pull("one")
    assert cached("one").read_bytes() == held


def test_every_row_tells_where_it_is_from():
    for name, row in WEIGHTS.items():
        assert re.fullmatch(r"[a-z0-9_]+", name)
        assert row.asset or row.sources or name in NO_SOURCE | LEARNED, name
        assert all(re.match(r"gdrive:|gfolder:|https?://", s) for s in row.sources), name
        backbone = name.startswith("resnet") or name in BACKBONES  # of which no figures are told
        untold = backbone or name in ("sta", "fear_xs", "fear_xs_noembs")
        assert row.figures or row.asset or untold or name in NO_SOURCE | LEARNED, name


def test_the_table_has_every_source_of_the_list():
    if not SPEC.is_file():
        pytest.skip(f"no list of sources at {SPEC}")
    told = SPEC.read_text().split("|---|", 1)[1]
    known = " ".join(s for row in WEIGHTS.values() for s in row.sources)
    sources = re.findall(r"(?:gdrive|gfolder):[\w-]+|[\w-]+\.pth(?:\.tar)?(?=[, ])", told)
    assert len(sources) > 25
    absent = [s for s in sources if s not in known and s not in {r.file for r in WEIGHTS.values()}]
    assert absent == []
