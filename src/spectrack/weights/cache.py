"""Where weights lie on this machine, and how they get there: downloads that resume."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import sys
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import Request

from spectrack.errors import InputError
from spectrack.storage import Progress
from spectrack.weights.drive import confirmed, is_folder, is_page, title_of, web_address

LARGEST = 2 * 2**30
"""Bytes a download may have; the largest checkpoint known has a quarter of it."""
TIMEOUT_SECONDS = 30.0
BLOCK = 2**20


def cache_folder() -> Path:
    """Where fetched weights are kept.

    ``SPECTRACK_CACHE`` if it is set, else ``spectrack`` in the user's cache folder, which
    ``XDG_CACHE_HOME`` moves.
    """
    if own := os.environ.get("SPECTRACK_CACHE"):
        return Path(own).expanduser()
    if sys.platform == "darwin":
        usual = Path("~/Library/Caches")
    elif sys.platform == "win32":
        usual = Path(os.environ.get("LOCALAPPDATA", "~/AppData/Local"))
    else:
        usual = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    return usual.expanduser() / "spectrack"


def cached(name: str) -> Path:
    """Where the weights of a name lie once they were fetched."""
    return cache_folder() / f"{name}.safetensors"


def offline() -> bool:
    """Whether ``SPECTRACK_OFFLINE`` forbids the network."""
    return os.environ.get("SPECTRACK_OFFLINE", "").lower() not in ("", "0", "false", "no")


def fetch(
    source: str,
    folder: Path,
    sha256: str | None = None,
    largest: int = LARGEST,
    report: Progress | None = None,
    name: str | None = None,
) -> Path:
    """Get a file: from the web into a folder, or where it lies on this machine.

    What was broken off is gone on with, if the server can and the file there is the same.

    Args:
        source: A URL (https, http, file), a path, or a file on a drive, see
            :mod:`spectrack.weights.drive`.
        folder: Where downloads go.
        sha256: What it must be, in hexadecimal, or how that begins; None leaves it unchecked.
        largest: Bytes it may have.
        report: Told how far a download is.
        name: What to call a download; as in its URL where left out.

    Returns:
        The file; under ``folder`` if it was downloaded.

    Raises:
        InputError: If it cannot be had, is too large, or is not what it must be.
    """
    if is_folder(source):
        raise InputError(
            f"{web_address(source)} is a folder; open it in a browser, get {name or 'the file'}, "
            "and give that file by --from"
        )
    try:
        parts = urlsplit(web_address(source))
    except ValueError as error:
        raise InputError(f"{source} was given ({error}); give a whole URL or a file") from error
    web = parts.scheme in ("http", "https")
    if web:
        path = _download(web_address(source), folder, largest, report, name)
    elif parts.scheme == "file":
        path = Path(urllib.request.url2pathname(parts.path))
    elif "://" in source:
        raise InputError(f"{source} was given; expected a URL of https, http or file, or a path")
    else:
        path = Path(source).expanduser()
    if not path.is_file():
        raise InputError(f"{source} does not exist; give a file or a URL")
    # What a table of weights says of this machine is told without loading PyTorch.
    from spectrack.weights.files import sha256_of

    if sha256 is not None and not (found := sha256_of(path)).startswith(sha256.lower()):
        if web:
            path.unlink()
        raise InputError(
            f"{source} is another file than expected (SHA-256 {found}, not {sha256}); get it anew"
        )
    return path


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to the web alone, and never from https to http."""

    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        scheme = urlsplit(newurl).scheme
        if scheme != "https" and scheme != urlsplit(req.full_url).scheme:
            raise urllib.error.URLError(f"it leads on to {newurl}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """Speaks http and https and nothing else."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def _download(
    url: str, folder: Path, largest: int, report: Progress | None, name: str | None
) -> Path:
    if offline():
        raise InputError(
            f"SPECTRACK_OFFLINE is set and {url} is on the web; unset it, or give a local file"
        )
    name = name or unquote(urlsplit(url).path).rsplit("/", 1)[-1]
    name = re.sub(r"[^\w.-]", "_", name).lstrip(".")
    target = folder / f"{hashlib.sha256(url.encode()).hexdigest()[:12]}-{name or 'file'}"
    part, mark = target.with_name(target.name + ".part"), target.with_name(target.name + ".mark")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        total = _receive(url, part, mark, largest, report)
        if total is not None and part.stat().st_size != total:
            raise InputError(
                f"{url} broke off at {part.stat().st_size} of {total} bytes; run it again to go on"
            )
        os.replace(part, target)
    except urllib.error.HTTPError as error:
        raise InputError(
            f"{url} was refused by the server ({error.code} {error.reason}); give another source"
        ) from error
    except InputError:
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error) or type(error).__name__
        raise InputError(
            f"{url} cannot be had ({reason}); see that the network is there and run it again"
        ) from error
    mark.unlink(missing_ok=True)
    return target


def _receive(
    url: str,
    part: Path,
    mark: Path,
    largest: int,
    report: Progress | None,
    follow: bool = True,
) -> int | None:
    """Append what is missing of a file to what is there of it.

    Args:
        url: Where from.
        part: What is there of it.
        mark: What tells whether the file on the server is still the same.
        largest: Bytes it may have.
        report: Told how far it is.
        follow: Go where a page leads that asks to confirm.

    Returns:
        Bytes of the whole file; None where the server does not say.
    """
    request = Request(url, headers={"User-Agent": "spectrack"})
    # Going on is safe only if the server can tell that the file is still the same.
    validator = ""
    with suppress(OSError, ValueError, KeyError, TypeError):
        validator = str(json.loads(mark.read_text())["validator"])
    done = part.stat().st_size if part.is_file() and validator else 0
    if done:
        request.add_header("Range", f"bytes={done}-")
        request.add_header("If-Range", validator)
    try:
        answer = _opener().open(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not done:
            raise
        # Nothing is left to send, or the file has shrunk: begin anew.
        part.unlink()
        return _receive(url, part, mark, largest, report, follow)
    with answer:
        block = answer.read(BLOCK)
        if answer.status == 200 and is_page(block):
            target = confirmed(block, answer.url) if follow else None
            if target is None:
                title = f' "{title}"' if (title := title_of(block)) else ""
                raise InputError(
                    f"{url} answers with a web page{title} where a file was expected; open it in "
                    "a browser, get the file, and give it by --from"
                )
            return _receive(target, part, mark, largest, report, follow=False)
        begins = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
        if answer.status != 206 or begins is None or int(begins[1]) != done:
            if answer.status == 206:
                part.unlink(missing_ok=True)
                raise http.client.HTTPException("the server sent another part than was asked for")
            done = 0
        length = answer.headers.get("Content-Length")
        total = done + int(length) if length and length.isdigit() else None
        if total is not None and total > largest:
            raise InputError(f"{url} has {total} bytes and {largest} are allowed; give another")
        validator = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        if validator.startswith("W/"):
            validator = answer.headers.get("Last-Modified") or ""
        mark.write_text(json.dumps({"url": url, "validator": validator}))
        with part.open("ab" if done else "wb") as file:
            while block:
                done += len(block)
                if done > largest:
                    file.close()
                    part.unlink()
                    raise InputError(f"{url} has more than {largest} bytes; give another source")
                file.write(block)
                if report is not None:
                    report(done // 2**20, None if total is None else total // 2**20)
                block = answer.read(BLOCK)
        return total
