"""The workspace of a server: sessions below one folder, videos below another, one session open."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from spectrack.app.jobs import OpenVideo, ShowFrame
from spectrack.app.link import Link
from spectrack.app.places import below, upload_name
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
        generation: Raised when another session is opened.
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
        self.generation = 0
        self._post = post
        self._reader = Link(read, (reader_bytes,))

    def known_sessions(self) -> list[tuple[str, str]]:
        """Sessions that can be opened again: the name of their folder and of their video."""
        if not self.sessions.is_dir():
            return []
        found = []
        for folder in sorted(self.sessions.iterdir()):
            if is_session(folder) and folder.resolve().is_relative_to(self.sessions.resolve()):
                try:
                    found.append((folder.name, read_about(folder).video.name))
                except InputError:
                    continue
        return found

    def open_session(self, folder: Path) -> Studio:
        """Open a session; the one that was open is closed.

        Raises:
            InputError: If it cannot be opened.
        """
        if self.studio is not None:
            if self.studio.session.folder.resolve() == folder.resolve():
                return self.studio
            self.studio.close()
            self.studio = None
        self.studio = Studio(Session(folder), self._post, self.tracker)
        self.generation += 1
        return self.studio

    def open_named(self, name: str) -> Studio:
        """Open a session by the name of its folder, as a page gives it.

        Raises:
            InputError: If there is none of that name.
        """
        if name not in {known for known, _ in self.known_sessions()}:
            raise InputError(f"session {name[:80]!r} does not exist")
        return self.open_session(self.sessions / name)

    def open_below(self, text: str, ready: Callable[[Studio | InputError], None]) -> None:
        """Open a video that a page names; see :func:`spectrack.app.places.below`.

        Args:
            text: A path relative to the root.
            ready: Called when it is open, or with what was wrong.

        Raises:
            InputError: If it leads outside or is not there.
        """
        self.open_video(below(self.root, text), None, ready)

    def open_video(
        self, video: Path, folder: Path | None, ready: Callable[[Studio | InputError], None]
    ) -> None:
        """Open a video in a session of its own, or in that which was made of it before.

        Args:
            video: A video file or a folder of images.
            folder: Of the session; one by the name of the video where left out.
            ready: Called when it is open, or with what was wrong.
        """
        _, asked = self._reader.ask(OpenVideo(video))

        def ended() -> None:
            try:
                told: dict[str, Any] = asked.result()
                about = About(video=video, **told)
                ready(self._session_of(about, folder))
            except InputError as error:
                ready(error)

        asked.add_done_callback(lambda _: self._post(ended))

    def upload_place(self, name: str) -> Path:
        """Where an upload goes: into the folder of a new session.

        Raises:
            InputError: If its name is not that of a video.
        """
        plain = upload_name(name)
        folder = self._free(Path(plain).stem)
        (folder / UPLOAD).mkdir(parents=True)
        return folder / UPLOAD / plain

    def frame(self, index: int) -> Future[bytes]:
        """A frame of the open video as JPEG.

        Raises:
            InputError: If no video is open or it has no such frame.
        """
        if self.studio is None:
            raise InputError("no video is open")
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

    def _session_of(self, about: About, folder: Path | None) -> Studio:
        if folder is not None and is_session(folder):
            kept = read_about(folder)
            if kept.video.resolve() != about.video.resolve():
                raise InputError(
                    f"session {folder} belongs to {kept.video}, not to {about.video}; "
                    "give another folder"
                )
            return self.open_session(folder)
        if folder is None:
            for name, _ in self.known_sessions():
                kept = read_about(self.sessions / name)
                same = kept.video.resolve() == about.video.resolve()
                if same and (kept.length, kept.size_wh) == (about.length, about.size_wh):
                    return self.open_session(self.sessions / name)
            inside = about.video.resolve().parent
            uploaded = inside.name == UPLOAD and inside.parent.parent == self.sessions.resolve()
            folder = inside.parent if uploaded else self._free(about.video.stem)
        Session.create(folder, about).close()
        return self.open_session(folder)

    def _free(self, stem: str) -> Path:
        """A folder for a new session, named like its video."""
        name = "".join(c if c.isalnum() or c in "-_" else "_" for c in stem)[:60] or "session"
        folder, number = self.sessions / name, 1
        while folder.exists():
            number += 1
            folder = self.sessions / f"{name}-{number}"
        return folder
