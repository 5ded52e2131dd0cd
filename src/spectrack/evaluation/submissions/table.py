"""The table of benchmarks that take packs of results, by name."""

from __future__ import annotations

from spectrack.evaluation.submissions.base import Benchmark

BENCHMARKS: dict[str, Benchmark] = {
    "davis2017": Benchmark(
        description="DAVIS-2017: SEQ/FRAME.png, indexed",
        dataset="davis2017",
        write="spectrack.evaluation.submissions.masks:write",
        check="spectrack.evaluation.submissions.masks:check",
    ),
    "youtube-vos": Benchmark(
        description="YouTube-VOS: Annotations/VIDEO/FRAME.png, indexed",
        dataset="youtube_vos",
        write="spectrack.evaluation.submissions.masks:write_youtube",
        check="spectrack.evaluation.submissions.masks:check_youtube",
    ),
    "mose": Benchmark(
        description="MOSE: VIDEO/FRAME.png, indexed",
        dataset="mose",
        write="spectrack.evaluation.submissions.masks:write",
        check="spectrack.evaluation.submissions.masks:check",
    ),
    "youtube-vis": Benchmark(
        description="YouTube-VIS: results.json with a track of run lengths an object",
        dataset="youtube_vis",
        write="spectrack.evaluation.submissions.instances:write",
        check="spectrack.evaluation.submissions.instances:check",
    ),
    "got10k": Benchmark(
        description="GOT-10k: SEQ/SEQ_001.txt and SEQ_time.txt",
        dataset="got10k",
        options={"split": "test"},
        write="spectrack.evaluation.submissions.boxes:write_got10k",
        check="spectrack.evaluation.submissions.boxes:check_got10k",
    ),
    "trackingnet": Benchmark(
        description="TrackingNet: VIDEO.txt",
        dataset="trackingnet",
        write="spectrack.evaluation.submissions.boxes:write_flat",
        check="spectrack.evaluation.submissions.boxes:check_flat",
    ),
    "lasot": Benchmark(
        description="LaSOT: SEQ.txt",
        dataset="lasot",
        write="spectrack.evaluation.submissions.boxes:write_flat",
        check="spectrack.evaluation.submissions.boxes:check_flat",
    ),
    "vot": Benchmark(
        description="VOT: results/TRACKER/EXPERIMENT/SEQ/SEQ_001.txt, and a manifest",
        dataset="vot",
        write="spectrack.evaluation.submissions.vot:write",
        check="spectrack.evaluation.submissions.vot:check",
    ),
}
