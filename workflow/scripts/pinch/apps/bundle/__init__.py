"""Bundles: one zip for each chosen model, with all that an app needs to run it."""
