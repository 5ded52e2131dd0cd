"""Truth from a plain folder of masks."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.datasets.folder import mask_sequence
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.errors import InputError
from spectrack.tracks import write_index_png


def test_masks_alone_and_beside_their_video(tmp_path):
    clip = make_clip(4, (48, 40))
    folder = tmp_path / "koi"
    folder.mkdir()
    for stem, mask in zip(clip.stems, clip.masks_thw, strict=True):
        write_index_png(folder / f"{stem}.png", mask.astype(np.uint8))
    sequence = mask_sequence(folder)
    assert (sequence.name, sequence.stems) == ("koi", clip.stems)
    np.testing.assert_array_equal(sequence.truth_mask(2), clip.masks_thw[2])
    with pytest.raises(InputError, match="without its video"):
        sequence.frames()
    (folder / "00001.png").unlink()
    sequence = mask_sequence(folder, clip.frames_thwc)
    assert len(sequence) == 4
    assert sequence.truth_mask(1) is None
    np.testing.assert_array_equal(next(iter(sequence.frames())), clip.frames_thwc[0])
