"""Files on a drive: its page before large ones, folders, links as people copy them."""

from __future__ import annotations

import pytest

from file_site import CONTENT, DIGEST
from spectrack.errors import InputError
from spectrack.weights import drive
from spectrack.weights.cache import fetch
from spectrack.weights.drive import confirmed, is_folder, web_address

FORM = b"""<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body>
<form id="search" action="/search"><input name="q" value="x"></form>
<form id="download-form" action="/download" method="get">
<input type="submit" value="Download anyway">
<input type="hidden" name="id" value="ID-1"><input type="hidden" name="export" value="download">
<input type="hidden" name="confirm" value="t"><input type="hidden" name="uuid" value="7"></form>
</body></html>"""
LINK = b"""<html><body><a id="uc-download-link"
href="/uc?export=download&amp;confirm=Ab1&amp;id=ID-1&amp;uuid=7">Download</a></body></html>"""
QUOTA = b"""<!doctype html><html><head><title>Google Drive - Quota
exceeded</title></head><body>Too many users have viewed or downloaded this file.</body></html>"""


@pytest.fixture
def drive_site(site, monkeypatch: pytest.MonkeyPatch):
    """The server stands for the drive."""
    monkeypatch.setattr(drive, "HOST", f"http://127.0.0.1:{site.server_port}")
    return site


def test_a_file_of_the_drive_comes_whole(drive_site, tmp_path):
    path = fetch("gdrive:ID-1", tmp_path, DIGEST, name="kys.pth")
    assert path.read_bytes() == CONTENT
    assert path.name.endswith("-kys.pth")
    assert drive_site.paths == ["/download?id=ID-1&export=download&confirm=t"]


@pytest.mark.parametrize("page", [FORM, LINK], ids=["form", "link"])
def test_the_page_that_asks_is_answered(drive_site, tmp_path, page):
    drive_site.page = page
    assert fetch("gdrive:ID-1", tmp_path, DIGEST).read_bytes() == CONTENT
    assert len(drive_site.paths) == 2
    assert "id=ID-1" in drive_site.paths[1]


def test_a_download_behind_a_page_goes_on_where_it_broke_off(drive_site, tmp_path):
    drive_site.page, drive_site.cut = FORM, 300_000
    with pytest.raises(InputError, match="broke off at 300000 of 1280000 bytes"):
        fetch("gdrive:ID-1", tmp_path, DIGEST)
    drive_site.cut = None
    assert fetch("gdrive:ID-1", tmp_path, DIGEST).read_bytes() == CONTENT
    assert drive_site.asked == [None, None, "bytes=300000-", "bytes=300000-"]


@pytest.mark.parametrize("kind", ["text/html", "application/octet-stream"])
def test_another_page_is_refused_and_nothing_is_left(drive_site, tmp_path, kind):
    drive_site.page, drive_site.kind = QUOTA, kind
    for source in ("gdrive:ID-1", drive_site.url):
        with pytest.raises(
            InputError, match=r'a web page "Google Drive - Quota exceeded" where a file was'
        ):
            fetch(source, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_asks_for_ever_is_followed_once(drive_site, tmp_path):
    drive_site.page = FORM.replace(b'value="7"', b'value="8"')
    with pytest.raises(InputError, match="answers with a web page"):
        fetch("gdrive:ID-1", tmp_path)
    assert len(drive_site.paths) == 2


def test_a_page_is_not_followed_to_another_host():
    url = "https://drive.usercontent.google.com/download?id=ID-1"
    asked = FORM.replace(b'"/download"', b'"https://drive.usercontent.google.com/download"')
    assert confirmed(asked, url) == f"{url}&export=download&confirm=t&uuid=7"
    for host in (b"https://elsewhere/download", b"http://drive.usercontent.google.com/download"):
        assert confirmed(FORM.replace(b'"/download"', b'"' + host + b'"'), url) is None
    assert confirmed(QUOTA, url) is None
    assert confirmed(b"\xff<form id=download-form", url) is None


def test_folders_are_for_people(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECTRACK_OFFLINE", "1")
    for source in ("gfolder:F_1", "https://drive.google.com/drive/u/0/folders/F_1?usp=sharing"):
        assert is_folder(source)
        with pytest.raises(InputError) as refused:
            fetch(source, tmp_path, name="rts50.pth")
        assert str(refused.value) == (
            "https://drive.google.com/drive/folders/F_1 is a folder; open it in a browser, get "
            "rts50.pth, and give that file by --from"
        )


@pytest.mark.parametrize(
    "link",
    [
        "https://drive.google.com/file/d/ID-1/view?usp=sharing",
        "https://drive.google.com/open?id=ID-1",
        "https://drive.google.com/uc?export=download&id=ID-1",
        "gdrive:ID-1",
    ],
)
def test_links_as_people_copy_them_are_files(link):
    assert web_address(link) == f"{drive.HOST}/download?id=ID-1&export=download&confirm=t"


@pytest.mark.parametrize("other", ["https://host/a.pth", "a.pth", "C:\\a.pth", "file:///a"])
def test_other_sources_stay_as_they_are(other):
    assert web_address(other) == other
    assert not is_folder(other)
