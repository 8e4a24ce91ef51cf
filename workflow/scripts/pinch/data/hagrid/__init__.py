"""HaGRID: its layouts and annotations, and their conversion to a YOLO data set."""
