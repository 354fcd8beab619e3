"""Options of `index`."""

from braintwin.options.base import Options, option


class IndexOptions(Options):
    """Who is in the study."""

    batch_size: int = option(4, "People fitted by one process; a person keeps their batch for good.", ge=1, le=100)
    folds: int = option(5, "Folds for cross-validation; a person's nights share a fold.", ge=2, le=50)
