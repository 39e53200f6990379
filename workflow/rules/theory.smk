# What theory says of each attacked image: slopes of a differentiable receiver, decision boundaries of a coded one.
LIMITED = PARAMS.attacked()
LIMITS = [file for system in LIMITED for file in limits_files(system)]


def measured(system):
    """The attacks on the system, and the structure of its code if it has one."""
    attacked = [file for pair in PAIRS if pair[0] == system for file in attack_files(*pair)]
    coded = PARAMS.systems[system].code_identity(PARAMS.link) is not None
    return attacked + (structure_files(PARAMS.same_code(system)) if coded else [])


rule limits:
    input:
        DATASET,
        model_files("{system}"),
        lambda wildcards: measured(wildcards.system),
        current=lambda wildcards: current(LAYOUT.limits(wildcards.system), jobs.limits(PARAMS, wildcards.system)),
    output:
        limits_files("{system}"),
    params:
        key=lambda wildcards: jobs.limits(PARAMS, wildcards.system).key,
    log:
        log("limits", "{system}"),
    benchmark:
        benchmark("limits", "{system}")
    threads: PARAMS.compute.job_threads
    resources:
        **needs("limits"),
    shell:
        "semrobust evaluate limits {wildcards.system} {FILES} --key {params.key} > {log} 2>&1"


rule limit_samples:
    input:
        LIMITS,
