"""The workspace of a server: sessions below one folder, videos below another, one session open."""

from __future__ import annotations

import asyncio
import os
import secrets
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from spectrack.app.jobs import OpenVideo, ShowFrame
from spectrack.app.link import Link
from spectrack.app.places import below, lies_below, upload_name
from spectrack.app.session import UPLOAD, About, Session, is_session, read_about
from spectrack.app.studio import Post, Studio
from spectrack.app.worker import READER_BYTES, read
from spectrack.errors import InputError


class Workspace:
    """What a server may open.

    Args:
        root: Folder beyond which no page reads.
        sessions: Folder in which sessions are made, one folder each.
        post: See :data:`spectrack.app.studio.Post`.
        tracker: The tracker of a session that is opened.

    Attributes:
        studio: The session that is open; None where none is.
        generation: A word that belongs to what is open; another one at each opening, so that
            nobody, the browser's cache neither, takes a frame of one video for one of another.
    """

    def __init__(
        self,
        root: Path,
        sessions: Path,
        post: Post,
        tracker: str = "sftrack",
        reader_bytes: int = READER_BYTES,
    ) -> None:
        self.root, self.sessions, self.tracker = root, sessions, tracker
        self.studio: Studio | None = None
        self.generation = ""
        self._post = post
        self._opened: set[str] = set()
        self._reader = Link(read, (reader_bytes,))

    def known_sessions(self) -> list[tuple[str, str]]:
        """Sessions that a page may open again: the name of their folder and of their video."""
        kept = self._kept_sessions()
        return [(f.name, about.video.name) for f, about in kept if self._may_read(f, about.video)]

    async def open_session(self, folder: Path) -> Studio:
        """Open a session; the one that was open is closed once this one is.

        What was said and answered is there without the video, too: only the pictures are missing.

        Raises:
            InputError: If there is none, its video is another one by now, or it cannot be opened.
        """
        if self.studio is not None and self._is_open(folder):
            return self.studio
        kept, missing = read_about(folder), ""
        try:
            now = await self._look_at(kept.video)
        except InputError as error:
            now, missing = kept, str(error)
        if not kept.same_frames(now):
            raise InputError(
                f"{kept.video} holds other frames than those that session {folder.name} is of; "
                "open the video itself to begin anew"
            )
        studio = self._open(folder)
        studio.message = missing or studio.message
        return studio

    async def open_named(self, name: str) -> Studio:
        """Open a session by the name of its folder, as a page gives it.

        Raises:
            InputError: As :meth:`open_session`, and if its video is not for pages to read.
        """
        if name not in {known for known, _ in self.known_sessions()}:
            raise InputError(f"session {name[:80]!r} does not exist")
        return await self.open_session(self.sessions / name)

    async def open_below(self, text: str) -> Studio:
        """Open a video that a page names; see :func:`spectrack.app.places.below`.

        Args:
            text: A path relative to the root.

        Raises:
            InputError: If it leads outside, is not there, or cannot be opened.
        """
        return await self.open_video(below(self.root, text))

    async def open_video(self, video: Path, folder: Path | None = None) -> Studio:
        """Open a video in a session of its own, or in that which was made of it before.

        Args:
            video: A video file or a folder of images.
            folder: Of the session; one by the name of the video where left out.

        Raises:
            InputError: If it cannot be opened, or the session is one of another video.
        """
        return self._session_of(await self._look_at(video), folder)

    def upload_place(self, name: str) -> Path:
        """Where an upload goes: into the folder of a new session.

        Raises:
            InputError: If its name is not that of a video.
        """
        plain = upload_name(name)
        folder = self._free(Path(plain).stem)
        (folder / UPLOAD).mkdir(parents=True)
        return folder / UPLOAD / plain

    def frame(self, index: int, generation: str) -> Future[bytes]:
        """A frame of the open video as JPEG.

        Args:
            index: Counted from 0.
            generation: Of what is open, as whoever asks knows it.

        Raises:
            InputError: If no video is open, it is another one, or it has no such frame.
        """
        if self.studio is None:
            raise InputError("no video is open")
        if generation != self.generation:
            raise InputError("another video is open by now; load the page again")
        about = self.studio.session.about
        if not 0 <= index < about.length:
            raise InputError(f"frame {index} does not exist; there are {about.length}")
        return self._reader.ask(ShowFrame(about.video, index))[1]

    def close(self) -> None:
        """End all processes and close the session."""
        if self.studio is not None:
            self.studio.close()
            self.studio = None
        self._reader.close()

    async def _look_at(self, video: Path) -> About:
        """What a video is now.

        Raises:
            InputError: If it is none.
        """
        _, asked = self._reader.ask(OpenVideo(video))
        return About(video=video, **await asyncio.wrap_future(asked))

    def _open(self, folder: Path) -> Studio:
        """Open a session; one that cannot be opened costs nobody the one that is open."""
        old = self.studio
        if old is not None and self._is_open(folder):
            return old
        self.studio = Studio(Session(folder), self._post, self.tracker)
        self.generation = secrets.token_hex(8)
        self._opened.add(os.path.realpath(self.studio.session.about.video))
        if old is not None:
            old.close()
        return self.studio

    def _is_open(self, folder: Path) -> bool:
        """Whether a session is the one that is open."""
        studio = self.studio
        return studio is not None and studio.session.folder.resolve() == folder.resolve()

    def _session_of(self, about: About, folder: Path | None) -> Studio:
        """The session of a video: that which was made of it before, or a new one."""
        if folder is not None and is_session(folder):
            kept = read_about(folder)
            if not kept.same_place(about) or not kept.same_frames(about):
                frames = " as it is now" if kept.same_place(about) else ""
                raise InputError(
                    f"session {folder} belongs to {kept.video}, not to {about.video}{frames}; "
                    "give another folder"
                )
            return self._open(folder)
        if folder is None:
            for one, kept in self._kept_sessions():
                if kept.same_place(about) and kept.same_frames(about):
                    return self._open(one)
            inside = about.video.resolve().parent
            uploaded = inside.name == UPLOAD and inside.parent.parent == self.sessions.resolve()
            folder = inside.parent if uploaded else self._free(about.video.stem)
        Session.create(folder, about).close()
        return self._open(folder)

    def _kept_sessions(self) -> list[tuple[Path, About]]:
        """The folders of all sessions, and what their videos are."""
        if not self.sessions.is_dir():
            return []
        found = []
        for folder in sorted(self.sessions.iterdir()):
            if is_session(folder) and folder.resolve().is_relative_to(self.sessions.resolve()):
                with suppress(InputError):
                    found.append((folder, read_about(folder)))
        return found

    def _may_read(self, folder: Path, video: Path) -> bool:
        """Whether a page may have a video: below the root, uploaded, or open here before."""
        real = os.path.realpath(video)
        inside = (lies_below(place, Path(real)) for place in (self.root, folder))
        return real in self._opened or any(inside)

    def _free(self, stem: str) -> Path:
        """A folder for a new session, named like its video."""
        name = "".join(c if c.isalnum() or c in "-_" else "_" for c in stem)[:60] or "session"
        folder, number = self.sessions / name, 1
        while folder.exists():
            number += 1
            folder = self.sessions / f"{name}-{number}"
        return folder
