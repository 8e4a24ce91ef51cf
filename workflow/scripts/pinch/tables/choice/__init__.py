"""The choice of a file for each want, as sure as the measured figures are."""
