"""The one exception family: each message says what is wrong, where, and what to do.

The command line turns an exception of this family into one line on standard error and the
exit code of its class; anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class SemrobustError(Exception):
    """Base of every error a user can cause or mend. `exit_code`: 1 = a result or input fails a check.

    >>> import semrobust
    >>> try:
    ...     semrobust.chain("hevc", real_uses=294912, size=(512, 768))
    ... except semrobust.SemrobustError as error:
    ...     print(error)
    chain('hevc') cannot be made:
      blocks: 1, of 294912 bits each; codes have at most 20000: choose more, such as 192
    """

    exit_code = 1


def similar(word: str, known: Iterable[str]) -> str:
    """What to say behind a word that is unknown: the known one that looks most like it; nothing if none does."""
    found = get_close_matches(word, list(known), n=1)
    return f" (did you mean '{found[0]}'?)" if found else ""


class UsageError(SemrobustError):
    """Wrong use of the command line or the library: an unknown system, attack, setting, table or figure."""

    exit_code = 2


class ParamsError(SemrobustError):
    """Parameters that no run can have; `problems` holds one "key.path: value, what is allowed" each."""

    exit_code = 2

    def __init__(self, problems: list[str], source: str = "params") -> None:
        self.problems = problems
        super().__init__("\n".join([f"invalid parameters in {source}:", *(f"  {p}" for p in problems)]))


class DataError(SemrobustError):
    """Raw data are missing, unreadable, or not what they claim to be."""


class ChecksumError(DataError):
    """A file's hash is not the expected one; the file is never used."""

    def __init__(self, what: str, expected: str, found: str, remedy: str) -> None:
        super().__init__(f"{what}: expected checksum {expected}, found {found}. {remedy}")


class ArtifactError(SemrobustError):
    """An artifact of the pipeline is missing, altered or made with other params; says how to rebuild it."""


class BusyError(SemrobustError):
    """Another process is at the same work; names it."""


class SubmissionError(SemrobustError):
    """A submission is no such file: malformed, cut, or without its vectors."""

    exit_code = 2


class ResultError(SemrobustError):
    """Results contradict what was proved or promised: something is computed wrongly, and nothing is written."""


class TrainingError(SemrobustError):
    """Training cannot go on, for example at a non-finite loss; the last good checkpoint is kept."""
