"""The server behind the page: frames, masks, uploads and downloads over HTTP, and the page."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from nicegui import ui
from starlette.requests import ClientDisconnect

from spectrack.app.guard import LOOPBACK, Guard
from spectrack.app.overlay import overlay_png
from spectrack.app.page import build_page
from spectrack.app.places import UPLOAD_BYTES, check_head
from spectrack.app.studio import EXPORTS, Studio
from spectrack.app.workspace import Workspace
from spectrack.errors import InputError
from spectrack.storage import refusal, replacing

UPLOAD_PATH = "/upload"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the server listens and what it may read.

    Args:
        host: Address to listen at.
        port: Port; 0 takes a free one.
        token: See :class:`spectrack.app.guard.Guard`.
        any_host: Whether the server may be called by any name.
        root: Folder beyond which no page reads.
        sessions: Folder in which sessions are made.
        video: What is opened at the start.
        session: The folder of its session.
        tracker: The tracker that is chosen at the start.
        upload_bytes: Largest upload.
    """

    host: str
    port: int
    token: str | None
    any_host: bool
    root: Path
    sessions: Path
    video: Path | None = None
    session: Path | None = None
    tracker: str = "sftrack"
    upload_bytes: int = UPLOAD_BYTES

    @property
    def hosts(self) -> frozenset[str]:
        """Names by which the server may be called; empty where any may."""
        return frozenset() if self.any_host else LOOPBACK | {self.host.lower()}


def serve(settings: ServerSettings, ready: Callable[[str], None]) -> None:
    """Serve the page until Ctrl-C.

    Args:
        settings: How.
        ready: Called with the page's address when it can be opened.

    Raises:
        InputError: If the address cannot be listened at, or video or session cannot be opened.
        KeyboardInterrupt: After Ctrl-C, when everything is closed.
    """
    if asyncio.run(_serve(settings, ready)):
        raise KeyboardInterrupt


class _Server(uvicorn.Server):
    """Remembers Ctrl-C: what uvicorn raises anew at its end may come too late to be heard."""

    interrupted = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.interrupted = self.interrupted or sig == signal.SIGINT
        super().handle_exit(sig, frame)


async def _serve(settings: ServerSettings, ready: Callable[[str], None]) -> bool:
    """Serve; whether it was Ctrl-C that ended it."""
    loop = asyncio.get_running_loop()
    workspace = Workspace(
        settings.root,
        settings.sessions,
        lambda call: _post(loop, call),
        settings.tracker,
    )
    listening = _listen(settings.host, settings.port)
    try:
        await _open_first(workspace, settings)
        app = build(workspace, settings)
        config = uvicorn.Config(
            _ending_quietly(app),
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            ws_max_size=1 << 22,
            timeout_graceful_shutdown=1,
        )
        server = _Server(config)
        port = listening.getsockname()[1]
        task = asyncio.create_task(server.serve([listening]))
        while not (server.started or task.done()):
            await asyncio.sleep(0.02)
        if server.started:
            ready(_address(settings, port))
        await task
        return server.interrupted
    finally:
        listening.close()
        workspace.close()


def build(workspace: Workspace, settings: ServerSettings) -> Any:
    """The application: routes, the page, and the guard before both."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    add_routes(app, workspace, settings.upload_bytes)
    app.add_middleware(
        Guard,
        token=settings.token,
        hosts=settings.hosts,
        upload=UPLOAD_PATH,
        upload_bytes=settings.upload_bytes,
    )

    @ui.page("/")
    def page() -> None:
        build_page(workspace, settings.upload_bytes)

    ui.run_with(
        app,
        title="spectrack",
        show_welcome_message=False,
        reconnect_timeout=30,
    )
    return app


def _ending_quietly(app: Any) -> Any:
    """An application that answers requests which the end of the server breaks off."""

    async def answered(scope: Any, receive: Any, send: Any) -> None:
        begun = False

        async def noted(message: Any) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await app(scope, receive, noted)
        except asyncio.CancelledError:
            if scope["type"] != "http":
                raise
            if not begun:
                await PlainTextResponse("the server has ended\n", 503)(scope, receive, send)

    return answered


def add_routes(app: Any, workspace: Workspace, upload_bytes: int) -> None:
    """Add what is not the page itself."""

    def studio() -> Studio:
        if workspace.studio is None:
            raise HTTPException(404, "no video is open")
        return workspace.studio

    @app.get("/frame/{index}")
    async def frame(index: int, g: str = "") -> Response:
        try:
            data = await asyncio.wrap_future(workspace.frame(index, g))
        except InputError as error:
            raise HTTPException(404, str(error)) from None
        # The address holds the word of this opening of this video: what it shows never changes.
        return Response(data, media_type="image/jpeg", headers={"cache-control": "max-age=3600"})

    @app.get("/overlay/{index}")
    async def overlay(index: int, view: str) -> Response:
        found = studio()
        try:
            found.check_frame(index)
            shown = [(i, found.shown(view, i, index).entry) for i in found.views.object_ids(view)]
            headers = {"cache-control": "no-store", "x-stamp": found.views.stamp(view, index)}
        except InputError as error:
            raise HTTPException(404, str(error)) from None
        data = await asyncio.to_thread(_drawn, shown, found.session.about.size_wh)
        return Response(data, media_type="image/png", headers=headers)

    @app.put(UPLOAD_PATH)
    async def upload(request: Request, name: str) -> JSONResponse:
        try:
            path = workspace.upload_place(name)
            try:
                await _receive(request, path, upload_bytes)
                opened = await workspace.open_video(path)
            except BaseException:  # the end of the server is one, too
                _forget(path)
                raise
        except InputError as error:
            raise HTTPException(415, str(error)) from None
        return JSONResponse({"session": opened.session.folder.name})

    @app.get("/export/{name}")
    async def export(name: str) -> FileResponse:
        folder = studio().session.folder / EXPORTS
        known = {p.name: p for p in folder.iterdir() if p.is_file()} if folder.is_dir() else {}
        if name not in known or known[name].is_symlink():
            raise HTTPException(404, "there is no such file")
        return FileResponse(known[name], filename=name)


def _drawn(shown: list[tuple[int, Any]], size_wh: tuple[int, int]) -> bytes:
    objects = [
        (i, None if entry.mask is None else entry.mask.decode(), entry.box)
        for i, entry in shown
        if entry is not None
    ]
    return overlay_png(objects, size_wh)


async def _receive(request: Any, path: Path, upload_bytes: int) -> None:
    """Write the body of a request into a file.

    Raises:
        InputError: If it is too large, breaks off, or is no video by its first bytes.
    """
    size, head, checked = 0, b"", False
    try:
        with replacing(path) as part, part.open("wb") as handle:
            async for block in request.stream():
                size += len(block)
                if size > upload_bytes:
                    raise InputError(f"{path.name} is too large; at most {upload_bytes} bytes")
                if not checked:
                    head += block[:16]
                    if len(head) >= 16:
                        check_head(head, path.name)
                        checked = True
                await asyncio.to_thread(handle.write, block)
            if not checked:
                check_head(head, path.name)
    except (ClientDisconnect, OSError) as error:
        sentence = refusal(error) if isinstance(error, OSError) else None
        raise sentence or InputError(f"{path.name} did not come whole; send it again") from error


def _forget(path: Path) -> None:
    """Remove an upload and the folder of its session, which holds nothing else."""
    path.unlink(missing_ok=True)
    for folder in (path.parent, path.parent.parent):
        try:
            folder.rmdir()
        except OSError:
            return


def _listen(host: str, port: int) -> Any:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
    except (OSError, OverflowError) as error:
        found.close()
        raise InputError(
            f"{host}:{port} cannot be listened at ({error}); give another --host or --port"
        ) from error
    return found


async def _open_first(workspace: Workspace, settings: ServerSettings) -> None:
    """Open what the command line names.

    Raises:
        InputError: If it cannot be opened.
    """
    if settings.video is not None:
        await workspace.open_video(settings.video, settings.session)
    elif settings.session is not None:
        await workspace.open_session(settings.session)


def _address(settings: ServerSettings, port: int) -> str:
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/" + (f"?token={settings.token}" if settings.token else "")


def _post(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        return  # the server has ended
