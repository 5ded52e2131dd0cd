"""RTS and LWL with networks so small that a frame takes milliseconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from spectrack.networks.sta import STA
from spectrack.trackers.lwl.network import LWL
from spectrack.trackers.rts.network import RTS
from thin import SIZE, randomise, thin_resnet

SMALL = {"height": 64, "width": 96, "device": "cpu"}
"""Settings of their search regions."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks so small lose more by waiting for a second thread than it does for them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def thin_rts(empty: bool = False) -> RTS:
    """RTS with random weights; ``empty`` makes it see no target anywhere."""
    return _emptied(randomise(RTS(thin_resnet(), **SIZE)), empty)


def thin_lwl(box_start: bool = False, empty: bool = False) -> LWL:
    """LWL with random weights."""
    return _emptied(randomise(LWL(thin_resnet(), **SIZE, box_start=box_start)), empty)


def thin_sta(empty: bool = False) -> STA:
    """STA with random weights."""
    return _emptied(randomise(STA(thin_resnet(), **SIZE)), empty)


def _emptied(network, empty):
    with torch.no_grad():
        network.decoder.project.conv2.bias.sub_(50 if empty else -0.3)
    return network
