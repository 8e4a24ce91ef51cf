"""Data sets: reading, checking, converting and rendering them; frames of videos."""
