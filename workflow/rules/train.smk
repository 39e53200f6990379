def learns(system):
    from semrobust.core.registry import SYSTEMS

    return SYSTEMS[PARAMS.systems[system].kind].trainable


rule train:
    input:
        lambda wildcards: DATASET if learns(wildcards.system) else [],
        current=lambda wildcards: current(LAYOUT.model(wildcards.system), jobs.model(PARAMS, wildcards.system)),
    output:
        model_files("{system}"),
    params:
        key=lambda wildcards: jobs.model(PARAMS, wildcards.system).key,
    log:
        log("train", "{system}"),
    threads: lambda wildcards: PARAMS.compute.train_threads if learns(wildcards.system) else 1
    resources:
        mem_mb=3000,
        runtime=75,
    shell:
        "semrobust train {wildcards.system} {FILES} --key {params.key} > {log} 2>&1"


rule models:
    input:
        [model_files(system) for system in PARAMS.systems],
