"""Fusing masks of several methods: oracle, missing and useless channels, bad input, memory."""

from __future__ import annotations

import numpy as np
import pytest

import spectrack as st
from spectrack.datasets.davis import Davis2016
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.errors import InputError
from spectrack.fusion.objects import NoMasks, fuse_objects
from spectrack.fusion.stream import (
    channel_names,
    fuse_video,
    mix_channels,
    named_sources,
    read_ahead,
)
from spectrack.metrics.regions import jaccard_t
from spectrack.refinement.streaming import refine_video
from spectrack.spectral.mixing.settings import MixingSettings
from spectrack.video.given_masks import ArrayMasks
from spectrack.video.masks import read_hard_mask
from spectrack.video.reader import ArrayFrames
from spectrack.video.shared_frames import SharedFrames

SIZE = (160, 90)
SOME = range(10, 26)


class Gaps(ArrayMasks):
    """Masks of which some are missing."""

    def __init__(self, masks_thw, missing):
        super().__init__(masks_thw)
        self.gone = set(missing)

    def __getitem__(self, index):
        return None if index in self.gone else super().__getitem__(index)


@pytest.fixture(scope="module")
def clip():
    return make_clip(14, SIZE, seed=3)


def damaged(masks_thw, seed):
    """Masks with holes and blobs of their own."""
    rng = np.random.default_rng(seed)
    out = masks_thw.copy()
    for t in range(len(out)):
        rows, cols = np.nonzero(masks_thw[t])
        for _ in range(3):
            i = rng.integers(0, len(rows))
            out[t, rows[i] - 5 : rows[i] + 5, cols[i] - 5 : cols[i] + 5] = False
        y, x = rng.integers(0, SIZE[1] - 15), rng.integers(0, SIZE[0] - 15)
        out[t, y : y + 15, x : x + 15] = True
    return out


@pytest.fixture(scope="module")
def channels(clip):
    return [damaged(clip.masks_thw, seed) for seed in range(5)]


def fuse(clip, channels, mixing=None, **options):
    masks = [
        c if hasattr(c, "__len__") and not isinstance(c, np.ndarray) else ArrayMasks(c)
        for c in channels
    ]
    mixing = mixing or MixingSettings.robust([f"m{i}" for i in range(len(masks))])
    return fuse_video(ArrayFrames(clip.frames_thwc), masks, mixing, **options)


def score(track, clip):
    return jaccard_t(track.masks_thw(), clip.masks_thw).mean()


def test_fusing_beats_every_channel(clip, channels):
    track = fuse(clip, channels)
    best = max(jaccard_t(c, clip.masks_thw).mean() for c in channels)
    assert score(track, clip) > (1 + best) / 2
    assert len(track) == len(track.info["doubt"]) == 14
    assert set(track.info["doubt_parts"]) == {"disagreement", "change", "weakness", "jump"}


@pytest.mark.parametrize("preset", ["colour", "learned", "published"])
def test_the_stream_is_the_mix_and_then_the_filter(clip, channels, preset):
    from spectrack.refinement.presets import PRESETS

    weights = (2.0, 0.5, 1.0, 3.0, 1.5)
    names = tuple("abcde")
    mixing = MixingSettings(names=names, weights=weights, bias=-4.0)
    total = np.tensordot(weights, np.stack(channels).astype(float), axes=1) - 4.0
    mixed = (1 / (1 + np.exp(-total))).astype(np.float32)
    recipe = PRESETS[preset].load()
    expected = recipe(ArrayFrames(clip.frames_thwc), ArrayMasks(mixed), preset).masks_thw()
    found = fuse(clip, channels, mixing, preset=preset).masks_thw()
    assert jaccard_t(found, expected).min() > 0.995


def test_the_paper_preset_is_equations_9_to_11(clip, channels):
    from spectrack.spectral.sfseg.filter import sfseg
    from spectrack.spectral.sfseg.settings import MIXED

    weights, pairwise = (2.0, 0.5, 1.0, 3.0, 1.5), (1.0, 1.0, 4.0, 0.0, 1.0)
    mixing = MixingSettings(
        names=tuple("abcde"),
        weights=weights,
        bias=-4.0,
        pairwise_weights=pairwise,
        pairwise_bias=-3.0,
    )
    maps = [
        1 / (1 + np.exp(-(np.tensordot(w, np.stack(channels).astype(float), axes=1) + b)))
        for w, b in ((weights, -4.0), (pairwise, -3.0))
    ]
    smooth = sfseg(*(m.astype(np.float32) for m in maps), MIXED)
    track = fuse(clip, channels, mixing, preset="paper")
    assert jaccard_t(track.masks_thw(), smooth >= MIXED.threshold).min() > 0.995
    assert len(track.info["doubt"]) == 14


def test_masks_are_read_in_order_whatever_the_threads(clip, channels):
    masks = [ArrayMasks(channels[0]), Gaps(channels[1] * np.float32(0.5), [3])]
    frames = list(read_ahead(masks, 14, SIZE))
    assert len(frames) == 14
    for t, (planes, present) in enumerate(frames):
        assert present.tolist() == [True, t != 3]
        assert (planes[0] == channels[0][t] * 255).all()
        assert (planes[1] == channels[1][t] * 128 * (t != 3)).all()


def test_a_channel_may_lack_masks(clip, channels):
    whole = fuse(clip, channels)
    masks = [ArrayMasks(c) for c in channels[:-1]] + [Gaps(channels[-1], [0, 5, 6, 13])]
    track = fuse(clip, masks)
    assert score(track, clip) > score(whole, clip) - 0.02
    assert track.info["channels"][-1]["frames"] == 10
    assert track.info["channels"][0]["frames"] == 14


def test_frames_that_no_channel_has_are_carried_by_flow(clip, channels):
    missing = [0, 6, 7, 13]
    track = fuse(clip, [Gaps(c, missing) for c in channels])
    scores = jaccard_t(track.masks_thw(), clip.masks_thw)
    assert scores[[6, 7, 13]].min() > 0.8
    parts = track.info["doubt_parts"]["disagreement"]
    assert [t for t, part in enumerate(parts) if part == 1] == missing


@pytest.mark.parametrize("value", [False, True], ids=["empty", "full"])
def test_a_useless_channel_drops_out(clip, channels, value):
    whole = fuse(clip, channels)
    useless = np.full_like(channels[0], value)
    track = fuse(clip, [*channels, useless])
    assert score(track, clip) > score(whole, clip) - 0.01
    told = track.info["channels"][-1]
    assert told["agreement"] < 0.3
    assert told["weight"] < 0.01


def test_one_channel_is_refined(clip, channels):
    track = fuse(clip, channels[:1])
    alone = refine_video(ArrayFrames(clip.frames_thwc), ArrayMasks(channels[0]))
    assert score(track, clip) > score(alone, clip) - 0.02
    assert track.info["channels"] == [{"name": "m0", "weight": 8.0, "agreement": 1.0, "frames": 14}]


def test_doubt_finds_the_bad_frames(clip, channels):
    rng = np.random.default_rng(1)
    bad = [4, 10]
    worse = [c.copy() for c in channels]
    for masks in worse:
        for t in bad:
            masks[t] = np.roll(masks[t], rng.integers(-30, 30, 2), axis=(0, 1))
    order = np.argsort(fuse(clip, worse).info["doubt"])
    assert sorted(order[-2:]) == bad


def test_what_is_read_ahead_is_bounded(clip):
    class Watched(ArrayMasks):
        asked = -1

        def __getitem__(self, index):
            Watched.asked = max(Watched.asked, index)
            return super().__getitem__(index % 14)

        def __len__(self):
            return 200

    watched = Watched(clip.masks_thw)
    for t, _ in enumerate(read_ahead([watched], 200, SIZE)):
        assert Watched.asked <= t + 6
    assert t == 199
    mixing = MixingSettings.robust(["a"])
    mixed = mix_channels(read_ahead([watched], 200, SIZE), mixing, SIZE)
    assert sum(known for _, known in mixed) == 200


def test_lengths_and_sizes_that_differ(clip, channels):
    with pytest.raises(InputError, match=r"differ in length \(m0 14, m1 9\)"):
        fuse(clip, [channels[0], channels[1][:9]])
    with pytest.raises(InputError, match="80x90 and others are 160x90"):
        fuse(clip, [channels[0], channels[1][:, :, :80]])
    with pytest.raises(InputError, match="2 channels were given for weights of 3"):
        fuse(clip, channels[:2], MixingSettings.robust(["a", "b", "c"]))
    with pytest.raises(InputError, match="no channel has a mask"):
        fuse(clip, [Gaps(c, range(14)) for c in channels])


def test_names_of_channels(tmp_path):
    folders = [tmp_path / name for name in ("a/masks", "b", "c/masks")]
    assert channel_names(folders) == ["a", "b", "c"]
    assert channel_names([tmp_path / "a" / "bike", tmp_path / "b" / "bike"]) == ["a", "b"]
    assert channel_names([tmp_path / "a" / "bike"]) == ["bike"]
    with pytest.raises(InputError, match="two channels are named a"):
        channel_names([tmp_path / "a", tmp_path / "x" / "a", tmp_path / "b"])


def test_the_verb_takes_arrays_tracks_and_names(clip, channels):
    track = st.Track(SIZE)
    for mask in channels[0]:
        track.append(st.Prediction(None, mask, 1.0, True))
    fused = st.fuse([track, *channels[1:]], clip.frames_thwc)
    named = st.fuse({f"m{i}": c for i, c in enumerate(channels)}, clip.frames_thwc)
    assert (fused.masks_thw() == named.masks_thw()).all()
    assert [c["name"] for c in fused.info["channels"]] == ["1", "2", "3", "4", "5"]
    assert [c["name"] for c in named.info["channels"]] == ["m0", "m1", "m2", "m3", "m4"]
    with pytest.raises(InputError, match="channel m1: 9 masks were given for 14 frames"):
        st.fuse({"m0": channels[0], "m1": channels[1][:9]}, clip.frames_thwc)


def test_weights_are_matched_by_name(clip, channels):
    weights = MixingSettings(names=("b", "a"), weights=(0.0, 8.0), bias=-4.0)
    fused = st.fuse({"a": clip.masks_thw, "b": channels[0]}, clip.frames_thwc, weights)
    alone = st.fuse({"a": clip.masks_thw}, clip.frames_thwc)
    assert (fused.masks_thw() == alone.masks_thw()).all()
    assert [c["weight"] for c in fused.info["channels"]] == [8.0, 0.0]
    with pytest.raises(InputError, match="made for channels b, a and the masks are a, c"):
        st.fuse({"a": channels[0], "c": channels[1]}, clip.frames_thwc, weights)


def test_sources_that_come_to_the_same_name_are_refused(channels):
    """An array is named by its number, which a folder may be called."""
    array = channels[0]
    assert list(named_sources([array, "/x/a", array])) == ["1", "a", "3"]
    for sources in ([array, "/x/1"], ["/x/2", array], ["/x/a", "/y/a", "/x/b"]):
        with pytest.raises(InputError, match="two channels are named"):
            named_sources(sources)


def test_weights_that_follow_the_size_are_refused(clip, channels):
    names = ("a", "b")
    weights = MixingSettings(names=names, weights=(4.0, 4.0), bias=-4.0, sizes=(1.0, 0.0))
    given = dict(zip(names, channels, strict=False))
    with pytest.raises(InputError, match="follow the size of the target"):
        st.fuse(given, clip.frames_thwc, weights)


def moved(masks_thw):
    return np.roll(masks_thw, (20, -30), axis=(1, 2))


@pytest.mark.parametrize("preset", ["colour", "learned", "published"])
def test_several_objects_are_fused_as_each_alone(clip, channels, preset):
    """The same bits, from one pass over the video where the recipe streams."""
    mixing = MixingSettings.robust(["a", "b"])
    objects = {2: [ArrayMasks(c) for c in channels[:2]]}
    objects[7] = [ArrayMasks(moved(channels[2])), NoMasks(14)]
    passes, told = [], []

    class Once(ArrayFrames):
        def __iter__(self):
            passes.append(1)
            return super().__iter__()

    def progress(done, count):
        told.append((done, count))

    tracks = fuse_objects(Once(clip.frames_thwc), objects, mixing, preset, progress)
    assert list(tracks) == [2, 7]
    assert len(passes) == (2 if preset == "published" else 1)
    assert told[-1] == (14, 14)
    for key, masks in objects.items():
        alone = fuse_video(ArrayFrames(clip.frames_thwc), masks, mixing, preset)
        np.testing.assert_array_equal(tracks[key].masks_thw(), alone.masks_thw())
        assert tracks[key].info == alone.info
        assert [p.score for p in tracks[key]] == [p.score for p in alone]


def test_objects_that_share_a_video_keep_few_frames(clip):
    """Memory holds the frames between the fastest and the slowest object, not the video."""
    shared = SharedFrames(ArrayFrames(clip.frames_thwc), 3)
    readers = shared.readers()
    most = 0
    for frame in clip.frames_thwc:
        for reader in readers:
            np.testing.assert_array_equal(next(reader), frame)
            most = max(most, shared.kept)
    assert most == 1
    assert shared.kept == 0
    assert list(readers[1]) == []
    assert readers[0].stems is None


def test_a_broken_frame_stops_all_objects(clip, channels):
    class Broken(ArrayFrames):
        def __iter__(self):
            yield from list(super().__iter__())[:5]
            raise InputError("frame 5 is damaged; repair it")

    readers = SharedFrames(Broken(clip.frames_thwc), 2).readers()
    for reader in readers:  # the second is not told that the video has ended
        with pytest.raises(InputError, match="frame 5 is damaged"):
            list(reader)
    objects = {key: [ArrayMasks(c)] for key, c in zip((1, 2), channels, strict=False)}
    with pytest.raises(InputError, match="frame 5 is damaged"):
        fuse_objects(Broken(clip.frames_thwc), objects, MixingSettings.robust(["a"]))


@pytest.mark.data
def test_real_methods(davis_root):
    """The fused masks are as good as the best three of twelve, which nobody told it."""
    results, sequence = davis_root / "Results" / "480p", Davis2016(davis_root, "val")["libby"]
    names = "matnet andiff epo+ ags lsmo pdb motadapt lvo fseg sflu tis cut"
    masks = {
        name: np.stack([read_hard_mask(results / name / "libby" / f"{t:05d}.png") for t in SOME])
        for name in names.split()
    }
    truths = [sequence.truth_mask(t) for t in SOME]
    scores = sorted(jaccard_t(m, truths)[1:-1].mean() for m in masks.values())
    with sequence.frames() as frames:
        fused = st.fuse(masks, np.stack([frames[t] for t in SOME]))
    assert jaccard_t(fused.masks_thw(), truths)[1:-1].mean() > scores[-3]
