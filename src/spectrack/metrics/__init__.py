"""Measures of masks, boxes, tubes and runs of VOT: J, F, T, AP, success, EAO. Arrays only."""

from spectrack.metrics.anchors import AnchoredRun, anchor_score, anchor_total, place_anchors
from spectrack.metrics.average_precision import Tube, average_precision, tube_iou
from spectrack.metrics.boundary import (
    boundary_f,
    boundary_f_t,
    boundary_map,
    region_and_contour,
)
from spectrack.metrics.consistency import carried_mean, carried_means, carried_overlap, tcont
from spectrack.metrics.expected_overlap import EAO_INTERVALS, Segment, eao, eao_curve, eao_interval
from spectrack.metrics.long_term import confidence_thresholds, long_term_curve, long_term_total
from spectrack.metrics.polygons import polygon_area, polygon_box_overlap
from spectrack.metrics.protocols import PROTOCOLS, Protocol
from spectrack.metrics.regions import box_iou, box_iou_t, jaccard, jaccard_t
from spectrack.metrics.restarts import RestartedRun, restart_score, restart_total
from spectrack.metrics.stability import contour_stability, contour_stability_t
from spectrack.metrics.success import (
    BoxScore,
    centre_distance_t,
    overlap_t,
    score_boxes,
)
from spectrack.metrics.summary import Summary, Sums, seen_and_unseen, summarise

__all__ = [
    "EAO_INTERVALS",
    "PROTOCOLS",
    "AnchoredRun",
    "BoxScore",
    "Protocol",
    "RestartedRun",
    "Segment",
    "Summary",
    "Sums",
    "Tube",
    "anchor_score",
    "anchor_total",
    "average_precision",
    "boundary_f",
    "boundary_f_t",
    "boundary_map",
    "box_iou",
    "box_iou_t",
    "carried_mean",
    "carried_means",
    "carried_overlap",
    "centre_distance_t",
    "confidence_thresholds",
    "contour_stability",
    "contour_stability_t",
    "eao",
    "eao_curve",
    "eao_interval",
    "jaccard",
    "jaccard_t",
    "long_term_curve",
    "long_term_total",
    "overlap_t",
    "place_anchors",
    "polygon_area",
    "polygon_box_overlap",
    "region_and_contour",
    "restart_score",
    "restart_total",
    "score_boxes",
    "seen_and_unseen",
    "summarise",
    "tcont",
    "tube_iou",
]
