"""What each kind of record says: one type for who writes it, who reads it, and tests.

A field keeps its name and place in the JSON. A field that came later has a default, with which older records are read.
Accuracies (mAP50 and mAP50-95), ratios and shares are fractions; MACs are multiply-accumulates of one image.
"""
