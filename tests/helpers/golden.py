"""Golden arrays of the specification: numbers of reference networks with weights made from names.

The folder of the specification lies beside the project (or where ``SPECTRACK_SPEC`` says); tests
that need it are skipped with a reason where it is absent.
"""

from __future__ import annotations

import importlib.util
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from golden_notes import note

FAMILY = "pytracking_family"
BGR_MEAN = (102.9801, 115.9465, 122.7717)
RGB_MEAN, RGB_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def spec_folder() -> Path:
    """Where the specification of this family of trackers should be."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "spec"
    return Path(os.environ.get("SPECTRACK_SPEC", beside)) / FAMILY


@dataclass(frozen=True)
class Golden:
    """The golden files of one folder, with the generator of their weights and inputs.

    Attributes:
        folder: Holds ``params_*.txt`` and ``golden/``.
        scheme: The generator module: ``param``, ``uni``, ``nrm``, ``img``, ``rect``.
        manifest: Per file and key, how the stored array was sub-sampled, and its statistics.
    """

    folder: Path
    scheme: ModuleType
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Golden:
        """Load the generator and the manifest below ``folder``."""
        found = importlib.util.spec_from_file_location(
            "golden_scheme", folder / "golden" / "scheme.py"
        )
        assert found is not None
        assert found.loader is not None
        scheme = importlib.util.module_from_spec(found)
        found.loader.exec_module(scheme)
        manifest = json.loads((folder / "golden" / "manifest.json").read_text(encoding="utf-8"))
        return cls(folder, scheme, manifest)

    def array(self, file: str, key: str) -> np.ndarray:
        """A stored array, sub-sampled as the manifest says."""
        return _read(self.folder / "golden" / f"{file}.npz")[key]

    def keys(self, file: str) -> list[str]:
        """All keys of one file."""
        return list(self.manifest[file])

    def error(self, file: str, key: str, full: Tensor | np.ndarray | float) -> float:
        """Greatest difference, of values and statistics, relative to the array's absolute maximum.

        Args:
            file: Name without suffix.
            key: Array in it.
            full: The whole array, before sub-sampling; axes of length one may be missing.

        Returns:
            The greatest of: difference of stored values, of mean, of standard deviation and of
            absolute maximum over the absolute maximum, and difference of L2 norm over L2 norm.
        """
        entry = self.manifest[file][key]
        given = full.detach().cpu().numpy() if isinstance(full, Tensor) else full
        ours = np.asarray(given, np.float64)
        shape = entry["full_shape"]
        assert [n for n in ours.shape if n != 1] == [n for n in shape if n != 1], (
            f"{file} {key}: {ours.shape} in place of {shape}"
        )
        ours = ours.reshape(shape)
        strides = entry["stride_last_dims"] or []
        picked = ours[(..., *(slice(None, None, step) for step in strides))]
        stored = np.asarray(self.array(file, key), np.float64)
        peak = max(entry["absmax"], 1e-12)
        return float(
            max(
                np.abs(picked - stored).max(initial=0) / peak,
                abs(ours.mean() - entry["mean"]) / peak,
                abs(ours.std() - entry["std"]) / peak,
                abs(np.abs(ours).max() - entry["absmax"]) / peak,
                abs(np.sqrt((ours**2).sum()) - entry["l2"]) / max(entry["l2"], 1e-12),
            )
        )

    def compare(
        self, file: str, key: str, full: Tensor | np.ndarray | float, tolerance: float = 1e-4
    ) -> float:
        """Assert that :meth:`error` is at most ``tolerance``; returns it.

        The error is noted for ``benchmarks/golden.py``.
        """
        error = self.error(file, key, full)
        note(file, key, tuple(self.manifest[file][key]["full_shape"]), error, tolerance)
        assert error <= tolerance, f"{file} {key}: relative error {error:.2e} above {tolerance:g}"
        return error

    def parameters(self, name: str) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the state that ``params_{name}.txt`` lists."""
        lines = (self.folder / f"params_{name}.txt").read_text(encoding="utf-8").splitlines()
        listed = (line.split() for line in lines if line and not line.startswith("#"))
        return {
            key: () if shape == "scalar" else tuple(int(n) for n in shape.split("x"))
            for _, key, shape, _ in listed
        }

    def fill(self, network: nn.Module, prefix: str = "") -> nn.Module:
        """Give ``network`` the weights its names stand for; it is put in evaluation mode."""
        state = {
            key: torch.from_numpy(self.scheme.param(prefix + key, tuple(value.shape)))
            for key, value in network.state_dict().items()
        }
        network.load_state_dict(state)
        return network.eval()

    def rgb(self, name: str, height: int = 160, width: int = 288) -> Tensor:
        """An image (1, 3, H, W), values 0 to 255."""
        pixels = self.scheme.img(name, height, width)
        return torch.from_numpy(pixels).permute(2, 0, 1)[None].float()

    def bgr(self, name: str, height: int = 160, width: int = 288) -> Tensor:
        """An image as RTS, LWL read it: blue, green, red, minus their means."""
        mean = torch.tensor(BGR_MEAN).view(1, 3, 1, 1)
        return self.rgb(name, height, width)[:, [2, 1, 0]] - mean

    def imagenet(self, name: str, height: int = 160, width: int = 288) -> Tensor:
        """An image as torchvision's networks read it."""
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (RGB_MEAN, RGB_STD))
        return (self.rgb(name, height, width) / 255 - mean) / std

    def rect(self, x: int, y: int, w: int, h: int, height: int = 160, width: int = 288) -> Tensor:
        """A mask (1, 1, H, W) that is one in a rectangle."""
        return torch.from_numpy(self.scheme.rect(x, y, w, h, height, width))


@cache
def _read(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as stored:
        return dict(stored)


@cache
def open_golden() -> Golden | None:
    """The golden files, or nothing where there are none."""
    folder = spec_folder()
    return Golden.open(folder) if (folder / "golden" / "manifest.json").is_file() else None


@pytest.fixture(scope="session")
def golden() -> Golden:
    """The golden files; the test is skipped where they are absent."""
    found = open_golden()
    if found is None:
        pytest.skip(f"golden files not found at {spec_folder()}; set SPECTRACK_SPEC to their place")
    return found
