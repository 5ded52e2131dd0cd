"""What networks are run by, by name; settings of trackers say which."""

from __future__ import annotations

from typing import Literal

from spectrack.errors import InputError

Runtime = Literal["torch", "onnx"]
RUNTIMES: tuple[Runtime, ...] = ("torch", "onnx")


def check_device(device: str, runtime: str) -> None:
    """See that a device goes with a runtime.

    Raises:
        InputError: If the runtime is unknown, or works on the CPU alone and another is named.
    """
    if runtime not in RUNTIMES:
        raise InputError(f"runtime is {runtime!r}; give {' or '.join(RUNTIMES)}")
    if runtime == "onnx" and device not in ("auto", "cpu"):
        raise InputError(
            f"device is {device!r} but runtime onnx works on the CPU; give device cpu, or "
            "runtime torch"
        )
