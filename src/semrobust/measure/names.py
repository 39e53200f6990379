"""Names in tables and of pairs, for whoever reads them without measuring."""

ERROR_FREE = "error_free"
"""The channel on which nothing is lost."""

TRANSFER = "transfer"
"""The attack with semantic noise that was made on another system."""

NONE = "none"
"""No attack."""


LINEAR = "karhunen_loeve"
"""The best linear code for channel states."""


def top(kept: int) -> str:
    """The `kept` largest coefficients of channel states."""
    return f"top_{kept}"


def split(pair: str) -> tuple[str, str]:
    """System and attack, or system and noise, of a pair's name."""
    system, _, attack = pair.partition(".")
    return system, attack
