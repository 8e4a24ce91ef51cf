"""The report: its contents, captions, plots and pages."""
