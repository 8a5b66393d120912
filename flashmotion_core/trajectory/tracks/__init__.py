"""Tracks of other tools (CSV, MOT, DarkLabel, CVAT XML, COCO JSON) as trajectory documents."""
