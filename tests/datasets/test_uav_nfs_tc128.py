"""UAV123, NFS and TempleColor-128: small copies in their layouts."""

from __future__ import annotations

import pickle

import pytest

from box_folders import write_images, write_text
from spectrack.datasets import open_dataset
from spectrack.datasets.nfs import Nfs
from spectrack.datasets.tc128 import TempleColor128
from spectrack.datasets.uav123 import STARTS, Uav123, place_of
from spectrack.errors import InputError
from spectrack.structures import Box


@pytest.fixture
def uav(tmp_path):
    """``uav1`` with frames around the start of its second part, and a whole video."""
    root = tmp_path / "uav"
    frames, boxes = root / "data_seq" / "UAV123", root / "anno" / "UAV123"
    write_images(frames / "uav1", [1, 2, *range(1553, 1558)], digits=6, suffix=".jpg")
    write_images(frames / "boat1", range(1, 4), digits=6, suffix=".jpg")
    write_text(boxes / "uav1_2.txt", "11,6,5,4\nNaN,NaN,NaN,NaN\n12,6,5,4\n")
    write_text(boxes / "boat1.txt", "1,1,9,9\n2,1,9,9\n")
    write_text(boxes / "att" / "uav1_2.txt", "1,0,0,0,0,0,1,0,0,0,0,0\n")
    write_text(root / "anno" / "UAV20L" / "uav1.txt", "1,1,5,4\n")
    ten = "UAV123_10fps"
    write_images(root / "data_seq" / ten / "uav1", range(517, 521), digits=6)
    write_text(root / "anno" / ten / "uav1_2.txt", "11,6,5,4\n12,6,5,4\n")
    return root


def test_uav_parts_of_videos(uav):
    data = open_dataset("uav123", uav)
    assert (data.name, data.protocol, list(data)) == ("UAV123", "otb", ["boat1", "uav1_2"])
    part = data["uav1_2"]
    assert part.stems == ("001555", "001556", "001557")
    with part.frames() as frames:
        assert [int(f[0, 0, 0]) for f in frames] == pytest.approx(
            [n % 256 for n in (1555, 1556, 1557)], abs=2
        )
    assert [part.truth_box(t) for t in range(3)] == [Box(10, 5, 5, 4), None, Box(11, 5, 5, 4)]
    assert part.attributes == {"scale variation", "out of view"}
    assert data["boat1"].stems == ("000001", "000002")
    assert data["boat1"].attributes == frozenset()
    assert list(Uav123(uav, part="UAV20L")) == ["uav1"]
    assert Uav123(uav, part="UAV20L")["uav1"].stems == ("000001",)
    slow = Uav123(uav, part="UAV123_10fps")["uav1_2"]
    assert slow.stems == ("000519", "000520")


def test_uav_starts_lie_on_frames_that_both_rates_have():
    """Every third frame, from the first, is a frame of the 10 fps version."""
    for video, starts in STARTS.items():
        assert list(starts) == sorted(set(starts)), video
        assert starts[0] == 1
        assert all(start % 3 == 1 for start in starts), video
    assert sum(map(len, STARTS.values())) == 51
    assert place_of("car1_3", 1) == ("car1", 1627)
    assert place_of("car1_s", 1) == ("car1_s", 1)
    assert place_of("car1_9", 1) == ("car1_9", 1)
    assert place_of("bird1_2", 3) == ("bird1", 259)


def test_uav_says_what_it_lacks(uav, tmp_path):
    with pytest.raises(InputError, match="has no anno/UAV123; give the root of UAV123, which ho"):
        Uav123(tmp_path)
    with pytest.raises(InputError, match=r"part 'UAV' is unknown; choose one of UAV123, UAV20L"):
        Uav123(uav, part="UAV")
    with pytest.raises(InputError, match=r"'cow' is not in .*; it has boat1, uav1_2"):
        Uav123(uav, ["cow"])
    write_text(uav / "anno" / "UAV123" / "uav1_2.txt", "1,1,5,5\n" * 9)
    with pytest.raises(InputError, match=r"uav1_2\.txt has 9 lines but .*uav1 only 3 frames"):
        Uav123(uav)["uav1_2"]
    write_text(uav / "anno" / "UAV123" / "boat1.txt", "\n")
    with pytest.raises(InputError, match=r"boat1\.txt is empty"):
        Uav123(uav)["boat1"]
    write_text(uav / "anno" / "UAV123" / "att" / "uav1_2.txt", "1,0\n")
    write_text(uav / "anno" / "UAV123" / "uav1_2.txt", "1,1,5,5\n")
    with pytest.raises(InputError, match=r"uav1_2\.txt has 2 numbers for 12 frames"):
        Uav123(uav)["uav1_2"]


def line(number, x1, lost=0, occluded=0):
    return f'0 {x1} 2 {x1 + 6} 10 {number} {lost} {occluded} 0 "a ball"\n'


@pytest.fixture
def nfs(tmp_path):
    root = tmp_path / "nfs"
    write_images(root / "ball" / "30" / "ball", range(1, 4), digits=5)
    text = line(1, 5) + line(9, 6, occluded=1) + line(17, 7, lost=1)
    write_text(root / "ball" / "30" / "ball.txt", text)
    write_images(root / "ball" / "240" / "ball", range(1, 18), digits=5)
    write_text(root / "ball" / "240" / "ball.txt", "".join(line(i, i) for i in range(1, 18)))
    return root


def test_nfs_edges_flags_and_rates(nfs):
    slow = open_dataset("nfs", nfs)
    assert (slow.name, list(slow)) == ("NFS 30 fps", ["ball"])
    ball = slow["ball"]
    assert [ball.truth_box(t) for t in range(3)] == [Box(5, 2, 6, 8), Box(6, 2, 6, 8), None]
    assert ball.frame_values["occlusion"].tolist() == [0, 1, 0]
    fast = open_dataset("nfs", nfs, fps="240")["ball"]
    assert len(fast) == 17
    assert fast.truth_box(16) == Box(17, 2, 6, 8)


def test_nfs_files_that_do_not_fit_their_frames(nfs):
    path = nfs / "ball" / "30" / "ball.txt"
    write_text(path, "".join(line(i, i) for i in range(1, 18)))  # a line a frame of 240
    ball = Nfs(nfs)["ball"]
    assert [ball.truth_box(t).x for t in range(3)] == [1, 9, 17]
    write_text(path, line(1, 5) + line(2, 6))  # a line less than frames
    assert len(Nfs(nfs)["ball"]) == 2
    write_text(path, "".join(line(i, i) for i in range(1, 5)))  # a line more
    assert len(Nfs(nfs)["ball"]) == 3
    write_text(path, line(1, 5))
    with pytest.raises(InputError, match=r"ball\.txt has 1 lines but .* 3 frames"):
        Nfs(nfs)["ball"]
    write_text(path, "0 1 2 3\n")
    with pytest.raises(InputError, match=r"ball\.txt, line 1 is '0 1 2 3'; expected 9 numbers"):
        Nfs(nfs)["ball"]
    with pytest.raises(InputError, match=r"fps 60 is unknown; choose one of 30, 240"):
        Nfs(nfs, fps=60)
    with pytest.raises(InputError, match=r"no sequences of NFS; give .*30/SEQ\.txt"):
        Nfs(nfs / "ball")


@pytest.fixture
def temple(tmp_path):
    root = tmp_path / "tc"
    write_images(root / "Ball_ce2" / "img", range(3, 9), digits=4)
    write_text(root / "Ball_ce2" / "Ball_ce2_gt.txt", "1,1,4,4\n2,1,4,4\n3,1,0,0\n")
    write_text(root / "Ball_ce2" / "Ball_ce2_frames.txt", "5,7\n")
    return root


def test_temple_color(temple):
    data = open_dataset("tc128", temple)
    assert (data.name, data.protocol, list(data)) == ("TempleColor-128", "otb", ["Ball_ce2"])
    ball = pickle.loads(pickle.dumps(data["Ball_ce2"]))
    assert ball.stems == ("0005", "0006", "0007")
    assert [ball.truth_box(t) for t in range(3)] == [Box(0, 0, 4, 4), Box(1, 0, 4, 4), None]
    with ball.frames() as frames:
        assert [int(f[0, 0, 0]) for f in frames] == [5, 6, 7]
    write_text(temple / "Ball_ce2" / "Ball_ce2_frames.txt", "5,9\n")
    with pytest.raises(InputError, match=r"names frames 5 to 9 but Ball_ce2_gt\.txt has 3 boxes"):
        data["Ball_ce2"]
    (temple / "Ball_ce2" / "Ball_ce2_frames.txt").unlink()
    assert data["Ball_ce2"].stems[0] == "0003"
    with pytest.raises(InputError, match=r"no sequences of TempleColor-128; .*SEQ_gt\.txt"):
        TempleColor128(temple / "Ball_ce2")
