"""What concerns a run as a whole: its plan and its progress."""
