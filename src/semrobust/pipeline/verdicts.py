"""What can be said of a claim: the words of tables, pages and figures."""

from __future__ import annotations

HOLDS, DIRECTION, INCONCLUSIVE = "holds", "holds in direction", "inconclusive"
FAILS, UNTESTED = "does not hold", "not testable here"
VERDICTS = (HOLDS, DIRECTION, INCONCLUSIVE, FAILS, UNTESTED)
"""From the best that can be said of a claim to nothing."""
