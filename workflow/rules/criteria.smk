# The least attack power under other criteria of ruin, for each attacked system and each way to train DeepJSCC.
BY_CRITERIA = PARAMS.by_criteria()
CRITERIA = [file for system in BY_CRITERIA for file in criteria_files(system)]


def structure_under_criteria(system):
    from semrobust.config.registry import ATTACKS

    kinds = [ATTACKS[PARAMS.criteria.attacks[name].kind] for name in PARAMS.criterion_attacks(system)]
    return structure_files(PARAMS.same_code(system)) if any(kind.knows_structure for kind in kinds) else []


rule criteria:
    input:
        DATASET,
        model_files("{system}"),
        lambda wildcards: structure_under_criteria(wildcards.system),
        current=lambda wildcards: current(LAYOUT.criteria(wildcards.system), jobs.criteria(PARAMS, wildcards.system)),
    output:
        criteria_files("{system}"),
    params:
        key=lambda wildcards: jobs.criteria(PARAMS, wildcards.system).key,
    log:
        log("criteria", "{system}"),
    benchmark:
        benchmark("criteria", "{system}")
    threads: PARAMS.compute.job_threads
    resources:
        **needs("criteria"),
    shell:
        "semrobust evaluate criteria {wildcards.system} {FILES} --key {params.key} > {log} 2>&1"


rule criteria_samples:
    input:
        CRITERIA,
