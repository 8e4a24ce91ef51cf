"""Synthetic hand gestures in HaGRID's layout: an articulated hand, lit and shaded, in cluttered rooms."""
