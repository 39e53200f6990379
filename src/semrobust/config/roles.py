"""Which system of a run stands for which scheme of a paper, by what it is made of and never by its name."""

from __future__ import annotations

from collections.abc import Mapping

from semrobust.config.settings import Plain

SCHEMES = ("mae", "mae_no_at", "jpeg", "vit", "mae_coded", "chain")
"""Schemes that hu2022 compares, and two of ours at its side."""

PAPER_KINDS = ("deepjscc", "deepjscc_smooth")
"""Kinds that stand for zhang2026's network, trained in one way or another: its claims are about no other network."""

PAPER_ATTACKS = ("pga", "vulnerable_set")
"""Kinds of the attacks that zhang2026 names, one for each side."""

EXTRAPOLATED = "extrapolated"
"""In place of a system, where no training stands behind a row."""

FINE = "mae_fine"
"""The scheme at a finer grain, if a run has one."""

ABLATIONS = ("no_weight_perturbation", "no_mask", "no_codebook")


def recognition_roles(classifiers: Mapping[str, Plain]) -> dict[str, str]:
    """The first system for each role, of all classifying systems; what the run lacks is left out.

    `mae`: trained with an adversary and weight perturbation, leaves out patches, has a codebook. `mae_no_at`: a masked
    autoencoder trained without an adversary. `mae_coded`: one that takes its network from another system and protects
    its indices with a code. `jpeg`: whole JPEG files behind a code. `chain`: a baseline of fixed length. `vit`:
    a plain classifier trained without an adversary. `mae_fine`: as `mae_no_at`, with smaller patches than that one.
    `ABLATIONS`: as `mae`, without this one part.
    """
    found: dict[str, str] = {}
    for name, given in classifiers.items():
        role = _role(given)
        first = classifiers[found.setdefault(role, name)]
        if role == "mae_no_at" and given["patch"] < first["patch"]:
            found.setdefault(FINE, name)
    return {role: found[role] for role in (*SCHEMES, FINE, *ABLATIONS) if role in found}


def _role(given: Plain) -> str:
    kind, training = given["kind"], given.get("training")
    if kind == "jpeg_ldpc_vit" and given["stream"] == "full":
        return "jpeg"
    if kind == "chain_vit":
        return "chain"
    if kind == "vit" and training is not None and training["adversarial"] is None:
        return "vit"
    if kind != "mae_vq":
        return ""
    if training is None:
        return "mae_coded" if (given["transport"] or {}).get("kind") == "coded" else ""
    if training["adversarial"] is None:
        return "mae_no_at"
    missing = {
        "no_weight_perturbation": training["adversarial"]["weight_perturbation"] is None,
        "no_mask": given["masking_ratio"] == 0,
        "no_codebook": given["codebook_size"] is None,
    }
    lacks = [part for part, is_missing in missing.items() if is_missing]
    return "mae" if not lacks else lacks[0] if len(lacks) == 1 else ""
