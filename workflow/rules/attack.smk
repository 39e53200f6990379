# One job attacks one system at all SNRs, so that starting Python is not the cost.
rule attack:
    input:
        DATASET,
        model_files("{system}"),
        current=lambda wildcards: current(
            LAYOUT.attack(wildcards.system, wildcards.attack), jobs.attack(PARAMS, wildcards.system, wildcards.attack)
        ),
    output:
        attack_files("{system}", "{attack}"),
    params:
        key=lambda wildcards: jobs.attack(PARAMS, wildcards.system, wildcards.attack).key,
    log:
        log("attack", "{system}.{attack}"),
    threads: PARAMS.compute.job_threads
    resources:
        mem_mb=3000,
        runtime=120,
    shell:
        "semrobust attack {wildcards.system} {wildcards.attack} {FILES} --key {params.key} > {log} 2>&1"
