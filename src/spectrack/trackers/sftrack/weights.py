"""All that SFTrack++ learned, in one safetensors file: both networks and the mixing."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from spectrack.errors import InputError
from spectrack.spectral.mixing.settings import MixingSettings, absolute_sum, factor_to_sum
from spectrack.storage import replacing
from spectrack.trackers.sftrack.feat2seg import WIDTHS, Feat2Seg
from spectrack.trackers.sftrack.seg2box import Seg2Box
from spectrack.weights.files import read_safetensors

FORMAT = "spectrack-sftrack-1"


@dataclass(frozen=True, eq=False)
class SFTrackWeights:
    """What was learned.

    Attributes:
        feat2seg: Phase 1.
        mixing: Phase 2; its channels are input trackers.
        seg2box: Phase 3.
        about: How it was made: data, settings, scores.
    """

    feat2seg: Feat2Seg
    mixing: MixingSettings
    seg2box: Seg2Box
    about: dict[str, Any]

    def mixing_of(self, names: tuple[str, ...]) -> MixingSettings:
        """Mixing of these inputs: the learned one for inputs it knows, even shares for others.

        ``flow-fast`` counts as what it is a variant of, and settings of an input do not matter.
        """
        mean = sum(self.mixing.weights) / len(self.mixing.weights)
        known = dict(zip(self.mixing.names, self.mixing.weights, strict=True))
        kinds = [name.partition(":")[0].removesuffix("-fast") for name in names]
        raw = [known.get(kind, mean) for kind in kinds]
        powers = dict(zip(self.mixing.names, self.mixing.sizes or (), strict=False))
        total = sum(self.mixing.weights)
        scale = factor_to_sum(total, sum(raw), absolute_sum(self.mixing.weights), absolute_sum(raw))
        return MixingSettings(
            names=names,
            weights=tuple(w * scale for w in raw),
            bias=self.mixing.bias,
            agreement=self.mixing.agreement,
            reach=self.mixing.reach,
            sizes=tuple(powers.get(kind, 0.0) for kind in kinds) if powers else None,
        )


def shipped() -> Path:
    """The file in the package."""
    return Path(str(files("spectrack") / "assets" / "sftrack.safetensors"))


def nothing_learned() -> SFTrackWeights:
    """Even shares led by agreement alone, and networks that know nothing."""
    return SFTrackWeights(
        Feat2Seg(WIDTHS).eval(), MixingSettings.robust(("any",)), Seg2Box().eval(), {}
    )


def save_sftrack(path: Path, weights: SFTrackWeights) -> None:
    """Write everything to one file, in half precision; a file that is there is replaced whole."""
    tensors = {}
    for name, network in (("feat2seg", weights.feat2seg), ("seg2box", weights.seg2box)):
        for key, value in network.state_dict().items():
            tensors[f"{name}.{key}"] = value.detach().cpu().to(torch.float16).contiguous()
    described = {"mixing": asdict(weights.mixing), "about": weights.about}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        save_file(tensors, part, metadata={FORMAT: json.dumps(described)})


def load_sftrack(path: Path | None = None) -> SFTrackWeights:
    """Read what :func:`save_sftrack` wrote.

    Args:
        path: The file; the shipped one where left out.

    Raises:
        InputError: If the file does not exist, is damaged, or holds something else.
    """
    path = path or shipped()
    tensors, metadata = read_safetensors(path)
    described = metadata.get(FORMAT)
    if described is None:
        raise InputError(f"{path} holds no SFTrack++ weights; give a file of train sftrack")
    try:
        held = json.loads(described)
        mixing = dict(held["mixing"])
        for name in ("names", "weights", "sizes"):
            if mixing.get(name) is not None:
                mixing[name] = tuple(mixing[name])
        about = dict(held["about"])
        feat2seg = Feat2Seg(tuple(about.get("widths", WIDTHS)))
        feat2seg.load_state_dict(_part(tensors, "feat2seg"))
        seg2box = Seg2Box()
        seg2box.load_state_dict(_part(tensors, "seg2box"), strict=False)
        return SFTrackWeights(feat2seg.eval(), MixingSettings(**mixing), seg2box.eval(), about)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"weights {path} do not fit ({error}); make them again") from error


def shared_sftrack(path: Path | None = None) -> SFTrackWeights:
    """As :func:`load_sftrack`, read once for all trackers of a process: nobody may change it.

    Raises:
        InputError: As :func:`load_sftrack`.
    """
    file = path or shipped()
    try:
        stamp = file.stat()
    except OSError:
        return load_sftrack(path)  # which says what is wrong
    return _read_once(file.resolve(), stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=2)
def _read_once(path: Path, changed_ns: int, size: int) -> SFTrackWeights:
    return load_sftrack(path)


def _part(tensors: dict[str, Any], name: str) -> dict[str, Any]:
    start = f"{name}."
    return {key[len(start) :]: value for key, value in tensors.items() if key.startswith(start)}
