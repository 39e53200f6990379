"""Settings of searches and proofs: the structure of codes, failing patterns, slopes, and what is certified."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from semrobust.config.settings import Decibel, Positive, Settings


class StructureSettings(Settings):
    """How far the structure of each attacked LDPC code is searched (`attacks.structure.analysis`).

    Attributes:
        max_cycle: length up to which cycles are counted; the time grows tenfold with each step of 2.
        trapping_size: largest number of nodes of trapping and absorbing sets.
        trapping_unsatisfied: largest number of their odd checks.
        growth_width: how many sets of a class (size, odd checks) grow on; fewer are quicker and find less.
        stopping_size: largest stopping sets that the exact search looks for, if `search_branches` allow.
        search_branches: decisions that one exact search may take, about two million a second.
        codeword_weight: largest weight of codewords that are kept, in transmitted bits.
        codeword_trials: information sets tried; one takes 0.6 ms at n = 768, 3 ms at n = 1536.
        max_sets: sets of a class that are stored; all are counted.
    """

    max_cycle: Annotated[int, Field(ge=6, le=12, multiple_of=2)]
    trapping_size: Annotated[int, Field(ge=1, le=20)]
    trapping_unsatisfied: Annotated[int, Field(ge=1, le=8)]
    growth_width: Positive
    stopping_size: Annotated[int, Field(ge=1, le=30)]
    search_branches: Positive
    codeword_weight: Positive
    codeword_trials: Annotated[int, Field(ge=0)]
    max_sets: Positive


class InstantonSettings(Settings):
    """How long instantons of each LDPC code are searched (`attacks.code.instanton.search`).

    Attributes:
        snr_db: SNR that the receiver of the word without noise believes in.
        starts: random and grown starts per depth.
        depths: numbers of unrolled iterations that starts go down through; the best one is used from then on.
        steps: of each descent.
        hops, width: rounds, 2 at least, in which so many of the patterns found are changed and go down again.
        final: rounds of pruning and small steps.
        kept: patterns that are stored.
    """

    snr_db: Decibel
    starts: Annotated[int, Field(ge=4)]
    depths: Annotated[list[Positive], Field(min_length=1)]
    steps: Annotated[int, Field(ge=2)]
    hops: Annotated[int, Field(ge=2)]
    width: Positive
    final: Annotated[int, Field(ge=0)]
    kept: Positive


class RecoverySettings(Settings):
    """How an attacker who hears traffic finds the LDPC code behind it (`attacks.code.recovery`).

    Attributes:
        words: codewords that he hears.
        snr_db: SNR per real use at his own receiver. One wrong bit in them, and he finds nothing.
        batches: of 50 eliminations each, after which he gives up.
    """

    words: Positive
    snr_db: Decibel
    batches: Positive


class TheorySettings(Settings):
    """How slopes of differentiable receivers are measured (`theory.jacobian`).

    Attributes:
        probes: random vectors of the estimate of the Jacobian's Frobenius norm.
        tolerance: relative change of the spectral norm below which its power iteration has converged.
        iterations: at most so many of them.
        path_points: pieces of the line from the received vector to the attacked one, for the steepest of them.
    """

    probes: Positive
    tolerance: Annotated[float, Field(gt=0, lt=1)]
    iterations: Positive
    path_points: Positive


class CertifiedImages(Settings):
    """The first `images` test images at one SNR; where that is one of the link, they stand beside attacks."""

    snr_db: Decibel
    images: Annotated[int, Field(ge=0)]


class CertificateSettings(Settings):
    """What is certified of networks and codes (`theory.certified_radius`, `smoothing`, `pseudo_weight`).

    Attributes:
        at: which images.
        evaluations: steps of the search for the largest certified power; 0 proves a fixed share of the tangent's
            radius, which is several times quicker.
        draws: of the channel, per image, for randomized smoothing.
        confidence: of each image's statement there.
        program_bits: bits of a code that a linear program is solved for; null = all, which a proof needs.
    """

    at: list[CertifiedImages]
    evaluations: Annotated[int, Field(ge=0, le=20)]
    draws: Positive
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    program_bits: Positive | None
