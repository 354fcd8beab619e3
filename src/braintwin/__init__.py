"""BrainTwin: digital twins of the sleeping brain, from a BIDS dataset to a ranking of treatments."""

__version__ = "0.1.0"
