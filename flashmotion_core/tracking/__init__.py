"""Trackers of objects in clips, behind one protocol: `ObjectTracker`."""

from .object_tracker import ObjectTracker, Tracked, check_tracked

__all__ = ["ObjectTracker", "Tracked", "check_tracked"]
