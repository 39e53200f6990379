rule dataset:
    input:
        current=lambda wildcards: current(LAYOUT.dataset(), jobs.dataset(PARAMS)),
    output:
        record=LAYOUT.dataset(),
        arrays=[LAYOUT.dataset().with_name(name) for name in DATASET_FILES],
    params:
        key=jobs.dataset(PARAMS).key,
    log:
        log("dataset"),
    resources:
        mem_mb=4000,
        runtime=30,
    shell:
        "semrobust data {FILES} --key {params.key} > {log} 2>&1"
