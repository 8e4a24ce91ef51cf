"""Pinch: make a YOLO detector small enough for a phone, and measure every step."""

__version__ = "1.0.0"
