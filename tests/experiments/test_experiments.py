"""The experiments of the paper: their pages, and that each can be run."""

from __future__ import annotations

import argparse
import importlib
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"


@pytest.fixture(scope="module", autouse=True)
def importable():
    sys.path.insert(0, str(EXPERIMENTS.parent))
    yield
    sys.path.remove(str(EXPERIMENTS.parent))


def module(name):
    """One of the experiments' modules, by the name of its file."""
    (path,) = EXPERIMENTS.rglob(f"{name}.py")
    within = path.relative_to(EXPERIMENTS.parent).with_suffix("")
    return importlib.import_module(".".join(within.parts))


IN_THE_RUN = (
    *("fig", "table", "time_", "doubt", "sftrack_tables"),
    *(
        "first_mask",
        "default_tracker",
        "occlusions",
        "drawn_boxes",
        "drawing_back",
        "looks_apart",
        "first_frame",
        "going_on",
        "hidden_parts",
        "small_frames",
        "mean_of_masks",
        "discriminative",
    ),
    *("discriminative", "guide_trust", "refine_then_fuse"),
)
NAMES = [
    path.stem
    for path in sorted(EXPERIMENTS.glob("*/*.py"))
    if path.stem.startswith(IN_THE_RUN) and not path.stem.endswith("_figure")
]
SCRIPTS = [
    "pixelwise/pixelwise_common.py",
    "pixelwise/pixelwise_noise.py",
    "pixelwise/pixelwise_pictures.py",
    "pixelwise/pixelwise_tables.py",
    "rts/rts_tables.py",
    "sfsegpp/spectral_figures.py",
    "sftrackpp/sftrack_tables.py",
    "studies/fear_score.py",
    "studies/lost_and_found.py",
]


def test_every_experiment_of_the_paper_is_in_the_run():
    names = module("run_all").EXPERIMENTS
    assert set(NAMES) == {Path(name).name for name in names}
    for name in names:
        assert (EXPERIMENTS / f"{name}.py").is_file()


def test_results_lie_in_the_folder_of_their_experiment():
    results = EXPERIMENTS.parent / "docs" / "results"
    assert not list(results.glob("*.*"))
    for page in sorted(results.glob("*/*.md")):
        command = re.search(r"`python experiments/(\w+)/\w+\.py", page.read_text())
        assert command is None or command[1] == page.parent.name, page
        assert command is not None or page.stem == "flow_tracker"  # written by hand


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_experiment_starts_as_a_file_from_anywhere(name, tmp_path, monkeypatch, capsys):
    """What it shares with the others is found whatever the folder it is started in.

    In this process, with the path that Python would give it: libraries are loaded already.
    """
    script = EXPERIMENTS / name
    others = [p for p in sys.path if Path(p).resolve() != EXPERIMENTS.parent]
    monkeypatch.setattr(sys, "path", [str(script.parent), *others])
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    for loaded in [m for m in sys.modules if m.partition(".")[0] == "experiments"]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(script), run_name="__main__")
    assert ended.value.code == 0
    assert "usage" in capsys.readouterr().out


def test_an_experiment_starts_in_a_process_of_its_own(tmp_path):
    done = subprocess.run(
        [sys.executable, str(EXPERIMENTS / "studies" / "lost_and_found.py"), "--help"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_says_what_it_does(name, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        module(name).main()
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert "--quick" in said
    assert "--root" in said
    assert "--out" in said


def test_quick_runs_never_replace_real_figures():
    common = module("common")
    quick = common.arguments("What.", argv=["--quick"])
    full = common.arguments("What.", argv=[])
    assert quick.out.parts[-2:] == ("scratch", "quick")
    assert full.out.parts[-2:] == ("docs", "results")


def test_a_page_holds_what_it_was_given(tmp_path):
    common = module("common")
    options = common.arguments(
        "What.",
        lambda parser: parser.add_argument("--every", type=int, default=10),
        ["--quick", "--every", "3", "--out", str(tmp_path), "--root", "/secret/place"],
    )
    figure, axes = common.plt.subplots()
    axes.plot([0, 1])
    red = np.zeros((6, 4, 3), np.uint8)
    red[..., 0] = 255
    page = common.Page("tableX", "A title").text("Why.").table(["a", "b"], [["x", 1], ["y|z", 2]])
    page.picture(figure, "Curve.").picture(red, "Red.")
    path = page.write(options, {"value": 1.5, "nothing": float("nan")}, seed=4)
    text = path.read_text()
    assert path == tmp_path / "tableX.md"
    assert text.startswith("# A title\n\nWhy.\n\n| a | b |\n| --- | ---: |\n| x | 1 |\n")
    assert "| y\\|z | 2 |" in text
    assert text.index("![Curve.](tableX.png)") < text.index("![Red.](tableX_2.png)")
    assert "`python experiments/tableX.py --quick --every 3`" in text
    assert "seed 4" in text
    assert "secret" not in text
    kept = json.loads((tmp_path / "tableX.json").read_text())
    assert kept["value"] == 1.5
    assert kept["nothing"] is None
    assert kept["made"]["seed"] == 4
    assert "secret" not in json.dumps(kept)
    import cv2

    assert (cv2.imread(str(tmp_path / "tableX_2.png")) == red[..., ::-1]).all()
    assert (tmp_path / "tableX.png").stat().st_size > 1000


def test_toy_video(tmp_path, capsys):
    """Filtering is the product with the matrix of Eq. 2, and finds the shape in the noise."""
    module("fig3_toy_video").main(["--out", str(tmp_path)])
    found = json.loads((tmp_path / "sfsegpp" / "fig3_toy_video.json").read_text())
    assert found["degrees_sfseg_5_to_matrix_of_eq_2"] < 1e-4
    assert found["SFSeg, 5 iterations"]["iou_same_area"] > 0.75
    assert found["input"]["iou_same_area"] < 0.4
    assert found["power iteration, 5"]["degrees_to_sfseg_5"] < 3
    assert (tmp_path / "sfsegpp" / "fig3_toy_video.png").exists()


def test_lanczos_stops_after_its_products():
    runtime = module("fig2_runtime")
    calls = []

    class Counted:
        shape = (50, 50)

        def __matmul__(self, vector):
            calls.append(1)
            return np.linspace(1, 1.1, 50) * vector

    assert runtime.lanczos_products(Counted(), 30) == 30
    assert len(calls) == 30


def test_runtime_of_a_small_video():
    row = module("fig2_runtime").measure((4, 12, 16))
    assert row["nodes"] == 768
    assert {"filter, numba", "filter, torch", "Eq. 1, Lanczos"} <= row["seconds"].keys()
    assert row["degrees_filter_to_matrix"] < 1e-3


def test_gains_are_means_over_sequences_and_know_gaps():
    table1 = module("table1_single_channel")
    rows = [
        {"scores": {"lvo": {"input": 70.0, "colour": 72.0}}},
        {"scores": {"lvo": {"input": 80.0, "colour": 79.0}}},
    ]
    assert table1.gains(rows, "colour", ["lvo"]).tolist() == [[2.0, -1.0]]
    assert table1.cell(table1.gains(rows, "colour", ["lvo"])[0]) == "+0.50 (50 %)"
    assert table1.cell(table1.gains(rows, "densecrf", ["lvo"])[0]) == "-"
    line = table1.table(rows, ["lvo"])[0]
    assert line == ["lvo", "75.0", *"----", "+0.50 (50 %)", "75.9", "-7.2", "+2.9 (90 %)"]


@pytest.mark.data
def test_published_masks_score_as_published(davis_root):
    common = module("common")
    options = argparse.Namespace(root=davis_root)
    sequence = common.davis(options, sequences=["blackswan"])["blackswan"]
    given = common.published_masks(davis_root, "lvo", sequence)
    official = json.loads((davis_root / "Results" / "official_per_frame.json").read_text())
    wanted = 100 * np.mean(official["lvo"]["blackswan"]["J"])
    assert common.mean_j(given, common.truths_of(sequence)) == pytest.approx(wanted, abs=0.01)


def test_a_failed_experiment_is_told(tmp_path, capsys):
    run_all = module("run_all")
    (tmp_path / "good.py").write_text("import sys\nprint(sys.argv[1:])\n")
    (tmp_path / "bad.py").write_text("raise ValueError('the reason')\n")
    assert run_all.run("good", ["--quick"], tmp_path, tmp_path / "logs")
    assert not run_all.run("bad", [], tmp_path, tmp_path / "logs")
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("good")
    assert said[0].endswith("done")
    assert "FAILED, status 1" in said[1]
    assert said[-1].strip() == "ValueError: the reason"
    assert (tmp_path / "logs" / "good.log").read_text() == "['--quick']\n"


def test_an_unknown_experiment_is_refused():
    done = subprocess.run(
        [sys.executable, str(EXPERIMENTS / "run_all.py"), "--only", "fig99"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "no experiment fig99; there are fig2_runtime" in done.stderr


def test_the_unet_ensemble_begins_as_the_network_of_one_input():
    """Shown one map in all places of the inputs, it answers as NN_feat2seg does."""
    import torch

    from spectrack.trackers.sftrack.feat2seg import Feat2Seg

    torch.manual_seed(0)
    single = Feat2Seg((8, 8)).eval()
    torch.nn.init.normal_(single.unet.head.weight)
    unet = module("sftrack_unet")
    made = unet.EnsembleNet(3, (8, 8)).eval()
    made.load_state_dict(unet.shared_out(single.state_dict(), 3))
    maps = torch.rand(2, 5, 16, 16)
    shown = torch.cat([maps[:, :3], *[maps[:, 3:4]] * 3, maps[:, 4:]], dim=1)
    torch.testing.assert_close(made(shown), single(maps), atol=1e-5, rtol=1e-5)


def test_the_median_of_inputs_is_taken_a_pixel():
    from spectrack.structures import Box
    from spectrack.tracking.explanation import Hypothesis

    systems = module("sftrack_systems")
    rng = np.random.default_rng(0)
    soft = [rng.integers(0, 256, (6, 8), dtype=np.uint8) for _ in range(2)]
    box = Box(1, 2, 4, 3)
    said = [Hypothesis(box, soft[0]), None, Hypothesis(box), Hypothesis(box, soft[1])]
    filled = 255 * box.fill((8, 6)).astype(int)
    wanted = np.median([soft[0], filled, soft[1]], axis=0)
    assert (systems.median_mask(said, (8, 6)) == wanted).all()
    two = systems.median_mask(said[:3], (8, 6))
    assert (two == (soft[0] + filled) // 2).all()
    assert not systems.median_mask([None], (8, 6)).any()


def test_figures_of_trainings_become_mean_and_deviation():
    pages = module("sftrack_pages")
    runs = {
        "a": {"dog": {"J": 70.0}, "cow": {"J": 80.0}},
        "b": {"dog": {"J": 72.0}, "cow": {"J": 82.0}},
    }
    assert pages.means(runs, "J") == [75.0, 77.0]
    assert pages.spread(pages.means(runs, "J")) == f"76.0 ± {np.sqrt(2):.1f}"
    assert pages.spread([2.0], "+") == "+2.0"
    assert pages.spread([]) == "-"
    each = {"flow": {"dog": 70.0, "cow": 90.0}, "sftrack": pages.by_sequence(runs, "J")}
    said = pages.counted(each, "J")
    assert "in J on 1 of 2 sequences, not on cow (81.0 to 90.0)" in said
    assert "would reach 80.0" in said
