"""Times that other programs measured on other devices: read from their files, and made a record of a run."""
