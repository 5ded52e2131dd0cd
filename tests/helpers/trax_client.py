"""The toolkit's side of the TraX protocol, written anew: it starts a tracker and talks to it.

Messages are lines ``@@TRAX:kind "argument" "name=value"``. The tracker says hello; we give objects,
one ``initialize`` each, then a ``frame``, and it answers with one ``state`` an object. An
``initialize`` without argument forgets all objects. (Čehovin, TraX: the visual Tracking eXchange
protocol, Neurocomputing 2017; version 4.)
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from processes import PATIENCE_S

MAIN = Path(__file__).with_name("trax_main.py")
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join([str(MAIN.parent), *sys.path])}


@dataclass(frozen=True)
class Message:
    kind: str
    words: list[str]
    told: dict[str, str]


class TraxClient:
    """A tracker at the other end of two pipes."""

    def __init__(self, *words: object) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed by close)
        self.process = subprocess.Popen(
            [sys.executable, str(MAIN), "vot", *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=ENV,
            text=True,
        )
        self._objects = 0

    def hello(self) -> Message:
        return self._read()

    def initialize(self, image: str, *regions: str) -> list[Message]:
        """Forget all objects, and give these."""
        self._send("initialize")
        self._objects = 0
        return self.frame(image, *regions)

    def frame(self, image: str, *regions: str) -> list[Message]:
        """The answers for all objects in a frame, in which some may be new."""
        for region in regions:
            self._send("initialize", region)
        self._objects += len(regions)
        self._send("frame", image)
        answers = [self._read()]
        while answers[-1].kind == "state" and len(answers) < self._objects:
            answers.append(self._read())
        return answers

    def quit(self) -> None:
        self._send("quit")

    def leave(self) -> None:
        """Go without a word."""
        self.process.stdin.close()
        self.process.stdout.close()

    def ended(self) -> tuple[int, str]:
        """Wait for its end; its status, and what it said to people."""
        status = self.process.wait(PATIENCE_S)
        self._errors.seek(0)
        return status, self._errors.read()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self._errors):
            stream.close()

    def _send(self, kind: str, *words: str) -> None:
        line = " ".join([f"@@TRAX:{kind}", *(f'"{word}"' for word in words)])
        self.process.stdin.write(line + " \n")
        self.process.stdin.flush()

    def _read(self) -> Message:
        for line in self.process.stdout:
            if line.startswith("@@TRAX:"):
                kind, *rest = shlex.split(line.removeprefix("@@TRAX:"))
                told = dict(word.split("=", 1) for word in rest if "=" in word)
                return Message(kind, [word for word in rest if "=" not in word], told)
        raise EOFError("the tracker has ended")
