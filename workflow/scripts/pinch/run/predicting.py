"""Ultralytics' defaults for prediction, which hold where neither a file nor the user says anything else."""

IMGSZ = 640
"""Side of the images in pixels."""
CONFIDENCE = 0.25
"""Lowest score of a box."""
IOU = 0.7
"""Overlap of two boxes of a class, above which the weaker one is dropped."""
MAX_DET = 300
"""Most boxes of an image."""
