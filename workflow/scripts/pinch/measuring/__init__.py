"""Measuring: accuracy, time, memory and energy."""
