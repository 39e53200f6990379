rule dataset:
    input:
        current=lambda wildcards: current(LAYOUT.dataset(), jobs.dataset(PARAMS)),
    output:
        DATASET,
    params:
        key=jobs.dataset(PARAMS).key,
    log:
        log("dataset"),
    resources:
        mem_mb=4000,
        runtime=30,
    shell:
        "semrobust data {FILES} --key {params.key} > {log} 2>&1"
