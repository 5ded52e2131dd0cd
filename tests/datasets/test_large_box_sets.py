"""GOT-10k, TrackingNet, LaSOT and its extension: small copies in their layouts."""

from __future__ import annotations

import pytest

from box_folders import write_images, write_text
from spectrack.datasets import open_dataset
from spectrack.datasets.got10k import Got10k
from spectrack.datasets.lasot import Lasot, LasotExtension
from spectrack.datasets.trackingnet import TrackingNet, numbers_in
from spectrack.errors import InputError
from spectrack.structures import Box


@pytest.fixture
def got(tmp_path):
    root = tmp_path / "got"
    one = root / "val" / "GOT-10k_Val_000001"
    write_images(one, range(1, 5), digits=8)
    write_text(one / "groundtruth.txt", "1.0,2.0,9.0,8.0\n" * 4)
    write_text(one / "absence.label", "0\n0\n1\n0\n")
    write_text(one / "cover.label", "8\n0\n8\n3\n")
    write_text(one / "cut_by_image.label", "0\n0\n0\n1\n")
    write_text(one / "meta_info.ini", "[METAINFO]\nurl: x\nobject_class: sea lion\nroot_class: a\n")
    write_text(root / "val" / "list.txt", "GOT-10k_Val_000001\n")
    test = root / "test" / "GOT-10k_Test_000001"
    write_images(test, range(1, 4), digits=8)
    write_text(test / "groundtruth.txt", "1,2,9,8\n")
    return root


def test_got10k(got):
    val = open_dataset("got10k", got)
    assert (val.name, val.protocol, list(val)) == ("GOT-10k val", "got10k", ["GOT-10k_Val_000001"])
    one = val["GOT-10k_Val_000001"]
    box = Box(1, 2, 9, 8)
    assert [one.truth_box(t) for t in range(4)] == [box, None, None, box]
    assert one.categories == {1: "sea lion"}
    assert one.frame_values["cover"].tolist() == [8, 0, 8, 3]
    assert one.frame_values["cut_by_image"].tolist() == [0, 0, 0, 1]
    assert one.ignored == frozenset()
    hidden = Got10k(got, split="test")["GOT-10k_Test_000001"]
    assert (len(hidden), hidden.ignored) == (3, {1, 2})
    assert hidden.target().box == box
    assert hidden.truth_box(2) is None
    assert hidden.categories == {}


def test_got10k_says_what_it_lacks(got, tmp_path):
    with pytest.raises(InputError, match="has no train; give the root of GOT-10k, which holds it"):
        Got10k(got, split="train")
    with pytest.raises(InputError, match="split 'dev' is unknown; choose one of val, train, test"):
        open_dataset("got10k", got) and Got10k(got, split="dev")
    one = got / "val" / "GOT-10k_Val_000001"
    write_text(one / "cover.label", "8\nx\n8\n3\n")
    with pytest.raises(
        InputError, match=r"cover\.label cannot be read .*expected a number a frame"
    ):
        Got10k(got)["GOT-10k_Val_000001"]
    write_text(one / "groundtruth.txt", "1,2,9,8\n" * 3)
    (one / "cover.label").unlink()
    (one / "absence.label").unlink()
    (one / "cut_by_image.label").unlink()
    with pytest.raises(InputError, match=r"groundtruth\.txt has 3 lines but .* 4 frames"):
        Got10k(got)["GOT-10k_Val_000001"]
    (one / "groundtruth.txt").unlink()
    with pytest.raises(InputError, match=r"groundtruth\.txt cannot be read"):
        Got10k(got)["GOT-10k_Val_000001"]
    write_text(got / "val" / "list.txt", "/etc\n")
    with pytest.raises(InputError, match=r"list\.txt names '/etc'; expected names of folders"):
        Got10k(got)


@pytest.fixture
def trackingnet(tmp_path):
    root = tmp_path / "tn"
    for chunk, name, count in (("TEST", "aa_0", 3), ("TRAIN_0", "bb_1", 11), ("TRAIN_10", "cc", 2)):
        write_images(root / chunk / "frames" / name, range(count))
        lines = 1 if chunk == "TEST" else count
        text = "".join(f"{t}.5,1,5,6\n" for t in range(lines))
        write_text(root / chunk / "anno" / f"{name}.txt", text)
    write_images(root / "TRAIN_2" / "frames" / "dd", range(2))
    write_text(root / "TRAIN_2" / "anno" / "dd.txt", "1,1,5,6\n1,1,5,6\n")
    return root


def test_trackingnet(trackingnet):
    test = open_dataset("trackingnet", trackingnet)
    assert (test.name, test.protocol) == ("TrackingNet test", "trackingnet")
    assert list(test) == ["aa_0"]
    assert test["aa_0"].ignored == {1, 2}
    train = open_dataset("trackingnet", trackingnet, split="train")
    assert list(train) == ["bb_1", "dd", "cc"]  # chunk 2 before 10
    assert train["bb_1"].stems == tuple(map(str, range(11)))  # 2 before 10
    assert train["bb_1"].truth_box(10) == Box(10.5, 1, 5, 6)
    some = open_dataset("trackingnet", trackingnet, split="train", chunks="2,10")
    assert (some.name, list(some)) == ("TrackingNet train 2,10", ["dd", "cc"])


def test_trackingnet_says_what_it_lacks(trackingnet, tmp_path):
    with pytest.raises(InputError, match="has no TRAIN_3/anno; give the root of TrackingNet"):
        TrackingNet(trackingnet, split="train", chunks="2-3")
    with pytest.raises(InputError, match="has no TEST/anno"):
        TrackingNet(tmp_path / "nowhere")
    with pytest.raises(InputError, match="chunks '1-' was given; expected numbers such as 0,2"):
        TrackingNet(trackingnet, split="train", chunks="1-")
    assert numbers_in("4, 0-2,1") == [4, 0, 1, 2]
    frames = trackingnet / "TEST" / "frames" / "aa_0"
    packed = write_text(trackingnet / "TEST" / "zips" / "aa_0.zip", "")
    frames.rename(frames.with_name("other"))
    with pytest.raises(InputError, match=r"frames/aa_0 does not exist; unpack .*zips/aa_0\.zip"):
        TrackingNet(trackingnet)["aa_0"]
    packed.unlink()
    with pytest.raises(InputError, match="holds no frames"):
        TrackingNet(trackingnet)["aa_0"]


@pytest.fixture
def lasot(tmp_path):
    root = tmp_path / "lasot"
    for name in ("cat-1", "cat-10", "cat-2"):
        folder = root / "cat" / name
        write_images(folder / "img", range(1, 4), digits=8)
        write_text(folder / "groundtruth.txt", "5,6,7,8\n5,6,7,8\n5,6,7,8\n")
        write_text(folder / "full_occlusion.txt", "0,1,0")
        write_text(folder / "out_of_view.txt", "0,0,1")
        write_text(folder / "nlp.txt", "a cat on a mat\n")
    write_text(root / "testing_set.txt", "cat-10\ncat-1\n")
    write_text(root / "att" / "cat-1.txt", "1," + "0," * 12 + "1")
    return root


def test_lasot(lasot):
    test = open_dataset("lasot", lasot)
    assert (test.name, test.protocol, list(test)) == ("LaSOT test", "lasot", ["cat-10", "cat-1"])
    cat = test["cat-1"]
    assert [cat.truth_box(t) for t in range(3)] == [Box(5, 6, 7, 8), None, None]
    assert cat.description == "a cat on a mat"
    assert cat.categories == {1: "cat"}
    assert cat.attributes == {"illumination variation", "aspect ratio change"}
    assert cat.frame_values["out_of_view"].tolist() == [0, 0, 1]
    assert list(Lasot(lasot, split="all")) == ["cat-1", "cat-2", "cat-10"]
    flat = Lasot(lasot / "cat", split="all")
    assert list(flat) == ["cat-1", "cat-2", "cat-10"]
    assert len(flat["cat-2"]) == 3
    extension = open_dataset("lasot_ext", lasot, ["cat-2"])
    assert (extension.name, extension.protocol) == ("LaSOT extension", "lasot")
    assert list(extension) == ["cat-2"]


def test_lasot_says_what_it_lacks(lasot, tmp_path):
    with pytest.raises(InputError, match=r"no training_set\.txt, the list .*; put it beside"):
        Lasot(lasot, split="train")
    with pytest.raises(InputError, match="no sequences of LaSOT extension; give"):
        LasotExtension(tmp_path / "nowhere")
    write_text(lasot / "cat" / "cat-1" / "full_occlusion.txt", "0,1")
    with pytest.raises(InputError, match=r"full_occlusion\.txt has 2 numbers for 3 frames"):
        Lasot(lasot)["cat-1"]
    write_text(lasot / "testing_set.txt", "dog-1\n")
    with pytest.raises(InputError, match=r"dog-1/groundtruth\.txt cannot be read"):
        Lasot(lasot)["dog-1"]


def test_nothing_is_read_until_a_sequence_is_asked_for(lasot, trackingnet, got):
    """Truth that is broken does not keep the others from being opened."""
    for path in [
        lasot / "cat" / "cat-1" / "groundtruth.txt",
        trackingnet / "TRAIN_2" / "anno" / "dd.txt",
    ]:
        path.write_bytes(b"\xff\xfe")
    assert len(Lasot(lasot)["cat-10"]) == 3
    train = TrackingNet(trackingnet, split="train")
    assert len(train["cc"]) == 2
    with pytest.raises(InputError, match=r"dd\.txt cannot be read"):
        train["dd"]
