"""Reviewer mode: the manifest of a run, the archive of a study, and whether its numbers hold."""
