"""Run a detector of any format: from picture to boxes, numpy in and numpy out."""
