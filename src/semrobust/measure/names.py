"""Names in the tables of how receivers name classes, for whoever reads them without measuring."""

ERROR_FREE = "error_free"
"""The channel on which nothing is lost."""

TRANSFER = "transfer"
"""The attack with semantic noise that was made on another system."""

NONE = "none"
"""No attack."""
