"""The check refuses packs that a server would refuse, and packs that could do harm."""

from __future__ import annotations

import io
import json
import stat
import warnings
import zipfile

import numpy as np
import pytest
from PIL import Image

from spectrack.errors import InputError
from spectrack.evaluation.submissions.base import Job, check_pack, write_pack
from spectrack.evaluation.submissions.table import BENCHMARKS
from spectrack.tracks import write_index_png


def spoil(path, change):
    """Write a pack anew with its files changed: a function of the dictionary of files."""
    with zipfile.ZipFile(path) as pack:
        files = {name: pack.read(name) for name in pack.namelist()}
    change(files)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, content in files.items():
            pack.writestr(name, content)


def png(values, **options):
    file = io.BytesIO()
    Image.fromarray(values).save(file, **{"format": "PNG", **options})
    return file.getvalue()


def indexed(ids_hw):
    file = io.BytesIO()
    write_index_png(file, ids_hw)
    return file.getvalue()


def other_palette():
    image = Image.fromarray(np.full((16, 20), 1, np.uint8)).convert("P")
    image.putpalette([9] * 768)
    file = io.BytesIO()
    image.save(file, format="PNG")
    return file.getvalue()


ONE = "carp/00005.png"
MASKS = {
    "a file is missing": (lambda f: f.pop(ONE), f"{ONE} is missing"),
    "a file too many": (
        lambda f: f.update({"carp/00099.png": b""}),
        "carp/00099.png does not belong",
    ),
    "junk of the system": (lambda f: f.update({".DS_Store": b""}), ".DS_Store was put there by"),
    "a folder around all": (
        lambda f: [f.update({f"ours/{name}": f.pop(name)}) for name in list(f)],
        "all files lie in the folder ours",
    ),
    "no picture": (lambda f: f.update({ONE: b"\x89PNG"}), f"{ONE} cannot be read"),
    "a picture cut short": (lambda f: f.update({ONE: f[ONE][:60]}), f"{ONE} cannot be read"),
    "a JPEG": (
        lambda f: f.update({ONE: png(np.zeros((16, 20), np.uint8), format="JPEG")}),
        f"{ONE} is JPEG, not PNG",
    ),
    "grey": (
        lambda f: f.update({ONE: png(np.zeros((16, 20), np.uint8))}),
        f"{ONE} is of mode L, not indexed",
    ),
    "colours": (
        lambda f: f.update({ONE: png(np.zeros((16, 20, 3), np.uint8))}),
        f"{ONE} is of mode RGB, not indexed",
    ),
    "another size": (
        lambda f: f.update({ONE: indexed(np.zeros((20, 16), np.uint8))}),
        f"{ONE} is 16x20 but the frames are 20x16",
    ),
    "an object that is none": (
        lambda f: f.update({ONE: indexed(np.full((16, 20), 3, np.uint8))}),
        f"{ONE} holds value 3; expected 0 and the objects 1, 2",
    ),
    "another palette": (lambda f: f.update({ONE: other_palette()}), f"{ONE} has another palette"),
}


@pytest.fixture
def masks(ponds, results, tmp_path):
    path, job = tmp_path / "pack.zip", Job(dataset=ponds, results=results)
    write_pack(BENCHMARKS["davis2017"], job, path)
    return path, job


@pytest.mark.parametrize("kind", list(MASKS))
def test_masks(kind, masks):
    (path, job), (change, message) = masks, MASKS[kind]
    spoil(path, change)
    problems = check_pack(BENCHMARKS["davis2017"], job, path)
    assert len(problems) == 1, problems
    assert problems[0].startswith(message)
    assert "\n" not in problems[0]


TEXT = "koi/koi_001.txt"
LINES = {
    "a line too few": ("1,2,6,6\n" * 3, f"{TEXT} has 3 lines; expected 4"),
    "a line too many": ("1,2,6,6\n" * 5, f"{TEXT} has 5 lines; expected 4"),
    "three numbers": ("1,2,6,6\n1,2,6\n" + "1,2,6,6\n" * 2, f"line 2 of {TEXT} holds 3 numbers"),
    "words": ("1,2,6,6\nx,2,6,6\n" + "1,2,6,6\n" * 2, f"line 2 of {TEXT} is 'x,2,6,6'"),
    "spaces": ("1,2,6,6\n1 2 6 6\n" + "1,2,6,6\n" * 2, f"line 2 of {TEXT} is '1 2 6 6'"),
    "not a number": ("1,2,6,6\nnan,2,6,6\n" + "1,2,6,6\n" * 2, f"line 2 of {TEXT} holds a number"),
    "no end": ("1,2,6,6\n1,2,inf,6\n" + "1,2,6,6\n" * 2, f"line 2 of {TEXT} holds a number"),
    "far out": ("1,2,6,6\n1e9,2,6,6\n" + "1,2,6,6\n" * 2, f"line 2 of {TEXT} holds a number"),
    "no area": ("1,2,6,6\n1,2,0,6\n" + "1,2,6,6\n" * 2, f"line 2 of {TEXT} is a box without area"),
    "of another video": ("14,9,6,6\n" * 4, f"line 1 of {TEXT} is not the box that was given"),
    "no text": ("\u00e9", f"{TEXT} is no plain text"),
}


@pytest.mark.parametrize("kind", list(LINES))
def test_boxes(kind, box_ponds, box_results, tmp_path):
    path, job = tmp_path / "pack.zip", Job(dataset=box_ponds, results=box_results)
    write_pack(BENCHMARKS["got10k"], job, path)
    content, message = LINES[kind]
    spoil(path, lambda files: files.update({TEXT: content.encode("utf-8")}))
    problems = check_pack(BENCHMARKS["got10k"], job, path)
    assert len(problems) == 1, problems
    assert problems[0].startswith(message)
    spoil(
        path, lambda files: files.update({TEXT: b"1,2,6,6\n" * 4, "koi/koi_time.txt": b"-1\n" * 4})
    )
    assert check_pack(BENCHMARKS["got10k"], job, path)[0].startswith(
        "line 1 of koi/koi_time.txt is no time"
    )


def first(**changed):
    """A change of the first entry of results.json."""

    def change(files):
        answers = json.loads(files["results.json"])
        answers[0].update(changed)
        files["results.json"] = json.dumps(answers).encode()

    return change


SMALL = {"size": [4, 4], "counts": [16]}
VIS = {
    "no JSON": (lambda f: f.update({"results.json": b"["}), "results.json cannot be read"),
    "no list": (lambda f: f.update({"results.json": b"{}"}), "results.json holds no list"),
    "of no video": (first(video_id=99), "entry 0 of results.json is of video 99"),
    "of no class": (first(category_id=1), "entry 0 of results.json is of class 1"),
    "a score too high": (first(score=1.5), "entry 0 of results.json has the score 1.5"),
    "masks too few": (
        first(segmentations=[None]),
        "entry 0 of results.json has 1 masks; expected 4",
    ),
    "another size": (
        first(segmentations=[SMALL] * 4),
        "entry 0 of results.json has a mask 0 of 4x4 but the video is 20x16",
    ),
    "runs that do not fit": (
        first(segmentations=[{"size": [16, 20], "counts": [3]}] * 4),
        "entry 0 of results.json cannot be used: mask 0 is no run length",
    ),
    "a video without tracks": (
        lambda f: f.update(
            {"results.json": json.dumps(json.loads(f["results.json"])[:2]).encode()}
        ),
        "results.json has no track of video carp",
    ),
}


@pytest.mark.parametrize("kind", list(VIS))
def test_instances(kind, ponds, results, vis_root, tmp_path):
    path, job = tmp_path / "pack.zip", Job(dataset=ponds, results=results, root=vis_root)
    write_pack(BENCHMARKS["youtube-vis"], job, path)
    change, message = VIS[kind]
    spoil(path, change)
    problems = check_pack(BENCHMARKS["youtube-vis"], job, path)
    assert len(problems) == 1, problems
    assert problems[0].startswith(message)


RUN = "results/ours/unsupervised/koi/koi_001.txt"
VOT = {
    "lines too few": (lambda f: f.update({RUN: b"1\n"}), f"{RUN} has 1 lines; expected 4"),
    "no region": (lambda f: f.update({RUN: b"1\nx\n0\n0\n"}), f"line 2 of {RUN}: 'x' is no region"),
    "not started": (
        lambda f: f.update({RUN: b"1,2,3,4\n" * 4}),
        f"line 1 of {RUN} is a region before",
    ),
    "failed before": (lambda f: f.update({RUN: b"2\n1\n0\n0\n"}), f"line 1 of {RUN} is a failure"),
    "far out": (
        lambda f: f.update({RUN: b"1\n1,2,1e9,4\n0\n0\n"}),
        f"line 2 of {RUN} lies far out",
    ),
    "a sequence too few": (lambda f: f.pop(RUN), "sequence koi has no run"),
    "no manifest": (lambda f: f.pop("manifest.yml"), "manifest.yml is missing"),
    "elsewhere": (lambda f: f.update({"koi_001.txt": b"1\n"}), "koi_001.txt does not belong there"),
}


@pytest.mark.parametrize("kind", list(VOT))
def test_vot(kind, box_ponds, box_results, tmp_path):
    path = tmp_path / "pack.zip"
    job = Job(dataset=box_ponds, results=box_results, tracker="ours")
    write_pack(BENCHMARKS["vot"], job, path)
    change, message = VOT[kind]
    spoil(path, change)
    problems = check_pack(BENCHMARKS["vot"], job, path)
    assert len(problems) == 1, problems
    assert problems[0].startswith(message)


def entry(name, mode=0):
    one = zipfile.ZipInfo(name)
    one.external_attr = mode << 16
    return one


HARM = {
    "zip slip": ([(entry("../../outside.png"), b"x")], "a path that leads outside"),
    "zip slip within": ([(entry("carp/../../x.png"), b"x")], "a path that leads outside"),
    "an absolute path": ([(entry("/etc/passwd"), b"x")], "a path from the root of a disk"),
    "a path of Windows": ([(entry("C:/x.png"), b"x")], "a path from the root of a disk"),
    "a link": ([(entry("carp/00000.png", stat.S_IFLNK | 0o777), b"/etc")], "which is a link"),
    "a bomb": ([(entry("carp/00000.png"), bytes(8 << 20))], "times its size"),
    "one file twice": ([(entry("a"), b"x"), (entry("a"), b"y")], "holds a 2 times"),
}


@pytest.mark.parametrize("kind", list(HARM))
def test_packs_that_could_do_harm_are_not_read(kind, ponds, tmp_path):
    path = tmp_path / "pack.zip"
    entries, message = HARM[kind]
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as pack:
        warnings.simplefilter("ignore")  # of names that occur twice
        for one, content in entries:
            pack.writestr(one, content, zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match=message) as told:
        check_pack(BENCHMARKS["davis2017"], Job(dataset=ponds), path)
    assert "\n" not in str(told.value)
    assert [p.name for p in tmp_path.iterdir()] == ["pack.zip"]


def test_files_that_are_no_packs(masks, tmp_path):
    path, job = masks
    whole = path.read_bytes()
    for content in (b"", b"PK", whole[: len(whole) // 2], whole[:-10], bytes(1000)):
        path.write_bytes(content)
        with pytest.raises(InputError, match="is no whole zip file"):
            check_pack(BENCHMARKS["davis2017"], job, path)
    damaged = bytearray(whole)
    damaged[60:70] = bytes(10)  # in the first file
    path.write_bytes(damaged)
    problems = check_pack(BENCHMARKS["davis2017"], job, path)
    assert len(problems) == 1
    assert problems[0].startswith("koi/00000.png is damaged")


def test_a_picture_that_would_fill_the_memory_is_not_decoded(masks):
    """Its header alone is read: a size that is not the frames' ends there."""
    path, job = masks
    huge = bytearray(indexed(np.zeros((16, 20), np.uint8)))
    huge[16:24] = (30000).to_bytes(4, "big") * 2
    import zlib

    huge[29:33] = zlib.crc32(huge[12:29]).to_bytes(4, "big")
    spoil(path, lambda files: files.update({ONE: bytes(huge)}))
    (problem,) = check_pack(BENCHMARKS["davis2017"], job, path)
    assert problem.startswith(f"{ONE} cannot be read") or "is 30000x30000" in problem


def test_no_more_problems_are_looked_for_than_a_hundred(masks):
    path, job = masks
    spoil(path, lambda files: files.update({f"x{i}.png": b"" for i in range(150)}))
    assert len(check_pack(BENCHMARKS["davis2017"], job, path)) == 100
