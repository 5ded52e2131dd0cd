"""Files that lie on Google Drive: their addresses, folders, and the page that asks to confirm.

A source ``gdrive:ID`` is a file, ``gfolder:ID`` a folder; links as people copy them are understood.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

HOST = "https://drive.usercontent.google.com"
"""Answers with the files; tests put a server of their own here."""
FOLDERS = "https://drive.google.com/drive/folders/"

FILE_LINK = re.compile(
    r"https?://(?:drive|docs)\.google\.com/(?:file/d/([\w-]+)|(?:uc|open)\?(?:.*&)?id=([\w-]+))"
)
FOLDER_LINK = re.compile(r"https?://drive\.google\.com/drive/(?:u/\d+/)?folders/([\w-]+)")


def web_address(source: str) -> str:
    """Where a source lies on the web: a file to fetch, or a folder to open in a browser.

    Args:
        source: ``gdrive:ID``, ``gfolder:ID``, a link to either, or anything else, which is kept.
    """
    if found := FOLDER_LINK.match(source):
        return FOLDERS + found[1]
    if found := FILE_LINK.match(source):
        source = f"gdrive:{found[1] or found[2]}"
    kind, _, key = source.partition(":")
    if kind == "gfolder":
        return FOLDERS + key
    if kind == "gdrive":
        return f"{HOST}/download?{urlencode({'id': key, 'export': 'download', 'confirm': 't'})}"
    return source


def is_folder(source: str) -> bool:
    """Whether a source is a folder, which people have to open."""
    return web_address(source).startswith(FOLDERS)


def is_page(head: bytes) -> bool:
    """Whether what came is a web page; no file of weights starts so."""
    start = head[:512].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml", b"<!--"))


def confirmed(page: bytes, url: str) -> str | None:
    """Where the page leads that asks whether a large file is to be fetched unchecked for viruses.

    Args:
        page: HTML.
        url: Where it came from.

    Returns:
        The address behind its form or link, on the same host; None where it is another page.
    """
    form = _Form()
    form.feed(page.decode(errors="replace"))
    if form.link is not None:
        target = urljoin(url, form.link)
    elif form.action is not None and "id" in form.fields:
        target = f"{urljoin(url, form.action)}?{urlencode(form.fields)}"
    else:
        return None
    # A page that leads elsewhere is not followed.
    return target if urlsplit(target)[:2] == urlsplit(url)[:2] else None


def title_of(page: bytes) -> str:
    """What a page is called, for people; empty where it has no title."""
    found = re.search(rb"<title[^>]*>(.*?)</title>", page, re.IGNORECASE | re.DOTALL)
    return " ".join(found[1].decode(errors="replace").split())[:80] if found else ""


class _Form(HTMLParser):
    """Finds the form ``download-form`` with its fields, or the link of older pages."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.link: str | None = None
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = {name: value or "" for name, value in attrs}
        if tag == "form" and "download" in held.get("id", "") + held.get("action", ""):
            self.action, self._inside = held.get("action", ""), True
        elif tag == "input" and self._inside and held.get("name"):
            self.fields[held["name"]] = held.get("value", "")
        elif tag == "a" and "confirm=" in held.get("href", ""):
            self.link = held["href"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
