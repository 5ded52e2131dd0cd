"""Several workers write what one writes: processes of this machine, and those of a Ray cluster."""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from result_bytes import content, told
from spectrack.commands.evaluate_run import Hands
from spectrack.errors import InputError
from spectrack.evaluation.cluster import Cluster
from spectrack.evaluation.following import Following, follow
from spectrack.evaluation.method import Data, Method
from spectrack.evaluation.runner import alone as alone_team
from spectrack.evaluation.runner import run_dataset, run_work
from spectrack.tracks import write_index_png
from worker_jobs import Complaining, Killed, Noting

NAMES = ("a", "b", "c", "d")


@pytest.fixture(scope="module")
def boxes_root(tmp_path_factory, frames_folder, clip) -> Path:
    """Four sequences in the layout of VOT, each a little shorter than the one before."""
    root = tmp_path_factory.mktemp("vot")
    rows = [mask_box(mask) for mask in clip.masks_thw]
    for cut, name in enumerate(NAMES):
        (root / name).mkdir()
        for number, file in enumerate(sorted(frames_folder.glob("*.png"))[cut:], 1):
            shutil.copy(file, root / name / f"{number:08d}.png")
        (root / name / "groundtruth.txt").write_text("\n".join(rows[cut:]) + "\n")
    return root


def mask_box(mask):
    from spectrack.structures import Box

    return ",".join(f"{v:g}" for v in Box.from_mask(mask))


@pytest.fixture(scope="module")
def work(boxes_root) -> Following:
    return Following(Method("kcf", clean=False), Data("vot", str(boxes_root)))


@pytest.fixture(scope="module")
def alone(work, tmp_path_factory) -> Path:
    """What one process writes."""
    out = tmp_path_factory.mktemp("alone") / "out"
    settings = work.method.describe()
    run_dataset(partial(follow, work.method), work.data.open(), out, settings)
    return out


@pytest.fixture(scope="module")
def ray():
    """One small cluster for all tests of this file."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")
    found = pytest.importorskip("ray", reason="the package ray (extra cluster) is not installed")
    import worker_jobs

    # Ray's workers know of the folder of helpers by their surroundings alone.
    helpers = [str(Path(worker_jobs.__file__).parent), os.environ.get("PYTHONPATH", "")]
    found.init(
        runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, helpers))}},
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=80 << 20,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield found
    found.shutdown()


def check_same(found: Path, wanted: Path, names=NAMES) -> None:
    assert content(found) == content(wanted)
    assert [told(found / name) for name in names] == [told(wanted / name) for name in names]
    assert not list(found.rglob("*.part"))


def run_with(work, inner, team, out, **more):
    data = inner.data.open()
    return run_work(work, data, out, inner.method.describe(), team, **more)


def test_two_processes_write_what_one_does(work, alone, tmp_path):
    two = Hands(jobs=2, threads=1).team(None)
    runs = run_with(work, work, two, tmp_path / "out", first={"d": 9, "b": 3})
    assert [run.name for run in runs] == list(NAMES)
    check_same(tmp_path / "out", alone)
    assert all(run.resumed for run in run_with(work, work, two, tmp_path / "out"))


def test_two_ray_workers_write_what_one_process_does(ray, work, alone, tmp_path):
    notes = tmp_path / "notes"
    notes.mkdir()
    seen = []
    runs = run_with(
        Noting(work, notes),
        work,
        Cluster(workers=2),
        tmp_path / "out",
        progress=lambda run, done, count: seen.append((run.name, done, count)),
    )
    assert [run.name for run in runs] == list(NAMES)
    assert sorted(name for name, _, _ in seen) == list(NAMES)
    assert [(done, count) for _, done, count in seen] == [(n, 4) for n in (1, 2, 3, 4)]
    check_same(tmp_path / "out", alone)
    made = {note.name.split("-", 1)[1] for note in notes.iterdir()}
    processes = {note.split("-")[0] for note in made}
    assert len(made) == len(processes) <= 2  # one tracker a worker, whatever it follows


@pytest.fixture(scope="module")
def several(tmp_path_factory, frames_folder, clip) -> Following:
    """Two sequences in the layout of MOSE: three objects, of which one is late, and one object."""
    root = tmp_path_factory.mktemp("mose") / "valid"
    for name, ids in (("crowd", (1, 2, 5)), ("lone", (1,))):
        shutil.copytree(frames_folder, root / "JPEGImages" / name)
        (root / "Annotations" / name).mkdir(parents=True)
        for t, stem in enumerate(clip.stems):
            truth = clip.masks_thw[t].astype(np.uint8)
            for object_id in ids[1:]:
                moved = np.roll(clip.masks_thw[t], 12 * object_id, axis=1)
                truth[moved & (truth == 0)] = object_id if object_id < 5 or t > 2 else 0
            write_index_png(root / "Annotations" / name / f"{stem}.png", truth)
    return Following(Method("kcf", clean=False), Data("mose", str(root.parent)))


def test_objects_are_shared_by_workers(ray, several, tmp_path):
    """A worker at a time gets an object; what is written is what one process writes."""
    here, two, far = (tmp_path / name for name in ("here", "two", "far"))
    run_with(several, several, alone_team, here)
    assert set(told(here / "crowd")["objects"]) == {"1", "2", "5"}
    run_with(several, several, Hands(jobs=2, threads=1).team(None), two)
    notes = tmp_path / "notes"
    notes.mkdir()
    run_with(Noting(several, notes), several, Cluster(workers=2), far)
    for found in (two, far):
        check_same(found, here, ("crowd", "lone"))
    done = sorted(note.name.rpartition("-")[0].rpartition("-")[0] for note in notes.iterdir())
    assert done == ["crowd", "crowd+2", "crowd+5", "lone"]


def test_a_worker_that_is_killed_is_replaced(ray, work, alone, tmp_path):
    lost = []
    killed = Killed(work, "b", tmp_path / "happened")
    run_with(killed, work, Cluster(workers=2, remark=lost.append), tmp_path / "out")
    assert (tmp_path / "happened").exists()
    assert lost == ["a worker was lost at sequence b; it is done again"]
    check_same(tmp_path / "out", alone)


def test_a_sequence_that_kills_every_worker_is_named(ray, work, alone, tmp_path, monkeypatch):
    monkeypatch.setattr("spectrack.evaluation.cluster.ATTEMPTS", 2)
    lost = []
    killed = Killed(work, "c", tmp_path / "happened", always=True)
    out = tmp_path / "out"
    with pytest.raises(InputError, match="'c' has ended 2 workers"):
        run_with(killed, work, Cluster(workers=1, remark=lost.append), out)
    assert len(lost) == 1
    kept = [name for name in NAMES if (out / name).exists()]
    assert kept == ["a", "b"]  # what was done before is there
    run_with(work, work, lambda job, names: ((name, job(name)) for name in names), out)
    check_same(out, alone)


def test_what_workers_complain_of_is_told(ray, work, tmp_path):
    with pytest.raises(InputError, match=r"^sequence '[a-d]' is too long; give a shorter one$"):
        run_with(Complaining(), work, Cluster(workers=1), tmp_path / "out")


def test_the_command_on_a_cluster(ray, spectrack, boxes_root, alone, tmp_path):
    words = ["--root", boxes_root, "--dataset", "vot", "--tracker", "kcf", "--no-clean", "--json"]
    words += ["--sequences", "d,c"]
    first = spectrack(
        "evaluate", *words, "--out", tmp_path / "ray", "--cluster", "local", "--jobs", 1
    )
    assert first.status == 0, first.err
    second = spectrack("evaluate", *words, "--out", tmp_path / "here", "--threads", "1")
    assert content(tmp_path / "ray") == content(tmp_path / "here")
    boxes = [json.loads(one.out)["boxes"]["mean"] for one in (first, second)]
    assert boxes[0] == boxes[1]
    assert (tmp_path / "ray" / "c" / "boxes.csv").read_bytes() == (
        alone / "c" / "boxes.csv"
    ).read_bytes()
    too_many = spectrack("evaluate", *words, "--out", tmp_path / "x", "--cluster", "local",
                         "--threads", "3")  # fmt: skip
    assert too_many.status == 2
    assert "no machine with 3 processors" in too_many.err


def test_a_missing_package_is_told(work, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'spectrack\[cluster\]'"):
        run_with(work, work, Cluster(), tmp_path / "out")
