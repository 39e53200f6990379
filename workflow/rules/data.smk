rule dataset:
    input:
        current=lambda wildcards: current(LAYOUT.dataset(), jobs.dataset(PARAMS)),
    output:
        DATASET,
    params:
        key=jobs.dataset(PARAMS).key,
    log:
        log("dataset"),
    benchmark:
        benchmark("dataset")
    resources:
        **needs("dataset"),
    shell:
        "semrobust data {FILES} --key {params.key} > {log} 2>&1"
