"""The stage vocabulary: five stages in AASM order, and the code of a missing one."""

STAGES = ("W", "N1", "N2", "N3", "R")
"""Stage labels; a stage's code is its position."""

MISSING = -1
"""Code of an epoch that was not scored, or scored as movement or uncertain. Never Wake."""

EPOCH_S = 30.0
"""Length of a scoring epoch in the models, s."""
