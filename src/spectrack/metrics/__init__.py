"""Measures of segmentation: J, F, their summaries, and consistency in time. Arrays only."""

from spectrack.metrics.boundary import boundary_f, boundary_f_t, boundary_map
from spectrack.metrics.consistency import carried_mean, carried_means, carried_overlap, tcont
from spectrack.metrics.regions import box_iou, box_iou_t, jaccard, jaccard_t
from spectrack.metrics.summary import Summary, Sums, summarise

__all__ = [
    "Summary",
    "Sums",
    "boundary_f",
    "boundary_f_t",
    "boundary_map",
    "box_iou",
    "box_iou_t",
    "carried_mean",
    "carried_means",
    "carried_overlap",
    "jaccard",
    "jaccard_t",
    "summarise",
    "tcont",
]
