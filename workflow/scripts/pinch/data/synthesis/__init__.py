"""Synthetic hand gestures in HaGRID's own layout: a jointed hand, lit and shaded, in cluttered rooms."""
