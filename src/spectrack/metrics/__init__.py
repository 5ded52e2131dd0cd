"""Measures: J, F, consistency in time, and boxes (success, precision). Arrays only."""

from spectrack.metrics.boundary import boundary_f, boundary_f_t, boundary_map
from spectrack.metrics.consistency import carried_mean, carried_means, carried_overlap, tcont
from spectrack.metrics.polygons import polygon_area, polygon_box_overlap
from spectrack.metrics.protocols import PROTOCOLS, Protocol
from spectrack.metrics.regions import box_iou, box_iou_t, jaccard, jaccard_t
from spectrack.metrics.success import (
    BoxScore,
    centre_distance_t,
    overlap_t,
    score_boxes,
)
from spectrack.metrics.summary import Summary, Sums, summarise

__all__ = [
    "PROTOCOLS",
    "BoxScore",
    "Protocol",
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
    "centre_distance_t",
    "jaccard",
    "jaccard_t",
    "overlap_t",
    "polygon_area",
    "polygon_box_overlap",
    "score_boxes",
    "summarise",
    "tcont",
]
