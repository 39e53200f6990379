def known_structure(system, attack):
    """The structure of the system's code, for attacks that know it."""
    from semrobust.config.registry import ATTACKS

    known = ATTACKS[PARAMS.attacks[attack].kind].knows_structure
    return structure_files(PARAMS.same_code(system)) if known else []


def made_on_surrogate(system, attack):
    """The attack on the system's surrogate, for attacks that take over what it found."""
    from semrobust.config.registry import ATTACKS

    return attack_files(*PARAMS.crafted(system, attack)) if ATTACKS[PARAMS.attacks[attack].kind].transfers else []


# One job attacks one system at all SNRs, so that starting Python is not the cost.
rule attack:
    input:
        DATASET,
        model_files("{system}"),
        lambda wildcards: known_structure(wildcards.system, wildcards.attack),
        lambda wildcards: made_on_surrogate(wildcards.system, wildcards.attack),
        current=lambda wildcards: current(
            LAYOUT.attack(wildcards.system, wildcards.attack), jobs.attack(PARAMS, wildcards.system, wildcards.attack)
        ),
    output:
        attack_files("{system}", "{attack}"),
    params:
        key=lambda wildcards: jobs.attack(PARAMS, wildcards.system, wildcards.attack).key,
    log:
        log("attack", "{system}.{attack}"),
    benchmark:
        benchmark("attack", "{system}.{attack}")
    threads: PARAMS.compute.job_threads
    resources:
        **needs("attack"),
    shell:
        "semrobust attack {wildcards.system} {wildcards.attack} {FILES} --key {params.key} > {log} 2>&1"


rule attack_samples:
    input:
        [attack_files(*pair) for pair in PAIRS],
