"""Downloads from a server of our own: whole, broken off and gone on with, changed, refused."""

from __future__ import annotations

from email.message import Message
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request

import pytest

from file_site import CONTENT, DIGEST, Site
from spectrack.errors import InputError
from spectrack.weights.cache import _Redirects, cache_folder, fetch


def test_a_file_comes_whole(site, tmp_path):
    told = []
    path = fetch(site.url, tmp_path, DIGEST, report=lambda done, total: told.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert path.name.endswith("-rts50.pth")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert told[-1] == (len(CONTENT) // 2**20, len(CONTENT) // 2**20)


def test_what_was_broken_off_is_gone_on_with(site, tmp_path):
    site.cut = 300_000
    for done in (300_000, 600_000):
        with pytest.raises(InputError, match=f"broke off at {done} of 1280000 bytes; run it again"):
            fetch(site.url, tmp_path, DIGEST)
    site.cut = None
    assert fetch(site.url, tmp_path, DIGEST).read_bytes() == CONTENT
    assert site.asked == [None, "bytes=300000-", "bytes=600000-"]


@pytest.mark.parametrize("change", ["another file", "no ranges", "no validator"])
def test_nothing_is_glued_to_a_part_of_something_else(site, tmp_path, change):
    site.cut = 300_000
    if change == "no validator":
        site.etag = ""
    with pytest.raises(InputError, match="broke off"):
        fetch(site.url, tmp_path)
    site.cut = None
    if change == "another file":
        site.content, site.etag = bytes(500_000), '"two"'
    elif change == "no ranges":
        site.ranges = False
    assert fetch(site.url, tmp_path).read_bytes() == site.content


def test_a_part_that_is_already_whole_is_fetched_anew(site, tmp_path):
    site.cut = 300_000
    with pytest.raises(InputError, match="broke off"):
        fetch(site.url, tmp_path)
    site.cut, site.content = None, CONTENT[:300_000]
    assert fetch(site.url, tmp_path).read_bytes() == CONTENT[:300_000]
    assert site.asked == [None, "bytes=300000-", None]


def test_a_server_that_sends_another_part_is_refused_once(site, tmp_path):
    site.cut = 300_000
    with pytest.raises(InputError, match="broke off"):
        fetch(site.url, tmp_path)
    site.cut, site.wrong_part = None, True
    with pytest.raises(InputError, match="another part than was asked for"):
        fetch(site.url, tmp_path)
    assert fetch(site.url, tmp_path).read_bytes() == CONTENT


def test_another_file_than_expected_is_refused_and_removed(site, tmp_path):
    with pytest.raises(InputError, match=rf"SHA-256 {DIGEST}, not 00ff"):
        fetch(site.url, tmp_path, "00ff")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sizes", [True, False])
def test_a_file_that_is_too_large_is_refused(site, tmp_path, sizes):
    site.sizes = sizes
    with pytest.raises(InputError, match="1000000"):
        fetch(site.url, tmp_path, largest=1_000_000)
    assert not [p for p in tmp_path.iterdir() if p.suffix != ".mark"]


def test_redirects_are_followed_on_the_web_alone(site, tmp_path):
    base = site.url.removesuffix("/weights/rts50.pth")
    assert fetch(f"{base}/leads/on", tmp_path, DIGEST).read_bytes() == CONTENT
    with pytest.raises(InputError, match=r"file:///etc/passwd.* is not allowed"):
        fetch(f"{base}/leads/file", tmp_path)


def test_no_redirect_leads_from_https_to_http():
    secret, headers = Request("https://host/a"), Message()
    with pytest.raises(URLError, match="leads on to http:"):
        _Redirects().redirect_request(secret, None, 302, "", headers, "http://host/a")
    on = _Redirects().redirect_request(secret, None, 302, "", headers, "https://other/a")
    assert on is not None
    assert on.full_url == "https://other/a"


def test_what_the_server_refuses_is_told(site, tmp_path):
    absent = site.url.replace("/weights/rts50.pth", "/absent")
    with pytest.raises(InputError, match=r"refused by the server \(404"):
        fetch(absent, tmp_path)


def test_a_server_that_is_not_there_is_told(site, tmp_path):
    with Site() as closed:
        url = closed.url
    with pytest.raises(InputError, match=r"cannot be had .*run it again"):
        fetch(url, tmp_path)


def test_offline_means_no_web_and_still_files(site, tmp_path, monkeypatch):
    monkeypatch.setenv("SPECTRACK_OFFLINE", "1")
    with pytest.raises(InputError, match="SPECTRACK_OFFLINE is set"):
        fetch(site.url, tmp_path)
    assert site.asked == []
    file = tmp_path / "a b.pth"
    file.write_bytes(CONTENT)
    assert fetch(str(file), tmp_path, DIGEST) == file
    assert fetch(file.as_uri(), tmp_path, DIGEST) == file
    monkeypatch.setenv("SPECTRACK_OFFLINE", "0")
    assert fetch(site.url, tmp_path).read_bytes() == CONTENT


def test_a_local_file_that_is_another_one_stays(tmp_path):
    file = tmp_path / "a.pth"
    file.write_bytes(b"other")
    with pytest.raises(InputError, match="another file than expected"):
        fetch(str(file), tmp_path, DIGEST)
    assert file.exists()


@pytest.mark.parametrize(
    "source",
    ["ftp://host/file", "gopher://host/file", "http://[bad/file", "none.pth", "file:///no"],
)
def test_sources_that_cannot_be_used_are_refused(tmp_path, source):
    with pytest.raises(InputError, match=r"give|expected"):
        fetch(source, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_where_the_cache_is(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("SPECTRACK_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/x/cache")
    assert cache_folder() == Path("/x/cache/spectrack")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "spectrack"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder() == Path.home() / "Library" / "Caches" / "spectrack"
    monkeypatch.setenv("SPECTRACK_CACHE", "~/own")
    assert cache_folder() == Path.home() / "own"
