"""Networks so small lose more by waiting for a second thread than it does for them."""

from thin_trackers import one_thread

__all__ = ["one_thread"]
