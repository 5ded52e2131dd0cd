"""``spectrack app``: the page in the browser."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from spectrack.commands.base import Command, Flag, OptionalFolder, choose
from spectrack.errors import InputError

if TYPE_CHECKING:
    from spectrack.commands.console import Console

LOCAL = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class AppCommand(Command):
    """Open the page in the browser: draw a box, watch, correct, export.

    Without VIDEO the page lets you choose one. Every step is kept in a session folder, which is
    found again after a crash; its result/ is a result folder like those of `track`. The page is
    served to this machine alone, unless --host says where; then a token is needed, which is part of
    the address that is printed.

    Example: spectrack app bike.mp4
    """

    video: Annotated[Positional[Path | None], arg(metavar="VIDEO")] = None
    """Video file or folder of images."""
    session: OptionalFolder = None
    """Session folder to open, or to make for VIDEO; by default one below spectrack-sessions."""
    root: Annotated[Path, arg(metavar="DIR")] = Path(".")
    """The page reads videos and masks below this folder and nowhere else."""
    tracker: Annotated[str, arg(metavar="NAME")] = "sftrack"
    """What follows at first; see `spectrack trackers`."""
    host: Annotated[str | None, arg(metavar="ADDRESS")] = None
    """Listen at this address; 0.0.0.0 for all of this machine. Needs the token that is printed."""
    port: Annotated[int, arg(metavar="N")] = 8765
    """Port; 0 takes a free one."""
    no_browser: Flag = False
    """Only print the address."""

    def run(self, console: Console) -> int:
        """Serve the page until Ctrl-C."""
        from spectrack.tracking.table import tracker_table

        choose("tracker", self.tracker, tracker_table())
        if not 0 <= self.port <= 65535:
            raise InputError(f"--port {self.port} was given; expected a number from 0 to 65535")
        if not self.root.is_dir():
            raise InputError(f"--root {self.root} is no folder; give one that holds videos")
        if self.video is not None and not self.video.exists():
            raise InputError(f"{self.video} does not exist; give a video or a folder of images")
        try:
            import nicegui  # noqa: F401  only whether it is there
        except ImportError:
            raise InputError(
                "the page needs NiceGUI, which is not installed; "
                "pip install 'spectrack[app]' brings it"
            ) from None
        from spectrack.app.guard import new_token
        from spectrack.app.server import ServerSettings, serve

        settings = ServerSettings(
            host=self.host or LOCAL,
            port=self.port,
            token=None if self.host is None else new_token(),
            any_host=self.host in {"0.0.0.0", "::"},
            root=self.root,
            sessions=Path("spectrack-sessions") if self.session is None else self.session.parent,
            video=self.video,
            session=self.session,
            tracker=self.tracker,
        )

        def ready(address: str) -> None:
            console.result({"address": address}, f"the page is at {address} (Ctrl-C ends it)")
            if not self.no_browser:
                import webbrowser

                webbrowser.open(address)

        serve(settings, ready)
        return 0
