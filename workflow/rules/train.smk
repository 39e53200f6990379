def learns(system):
    from semrobust.config.registry import SYSTEMS

    return SYSTEMS[PARAMS.systems[system].kind].trainable


def train_threads(system):
    if PARAMS.task(system) != "image":
        return PARAMS.compute.recognition_threads
    return PARAMS.compute.train_threads if learns(system) else 1


def starts_from(system):
    """The checkpoint whose weights a system takes over."""
    start = PARAMS.systems[system].starts_from
    return [] if start is None else model_files(start)


rule train:
    input:
        lambda wildcards: DATASET if learns(wildcards.system) else [],
        lambda wildcards: starts_from(wildcards.system),
        current=lambda wildcards: current(LAYOUT.model(wildcards.system), jobs.model(PARAMS, wildcards.system)),
    output:
        model_files("{system}"),
    params:
        key=lambda wildcards: jobs.model(PARAMS, wildcards.system).key,
    log:
        log("train", "{system}"),
    benchmark:
        benchmark("train", "{system}")
    threads: lambda wildcards: train_threads(wildcards.system)
    resources:
        **needs("train"),
    shell:
        "semrobust train {wildcards.system} {FILES} --key {params.key} > {log} 2>&1"


rule models:
    input:
        [model_files(system) for system in PARAMS.systems],
