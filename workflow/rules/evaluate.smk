ATTACKED = [file for pair in PAIRS for file in attack_files(*pair)]
CLEAN = [file for system in PARAMS.of_task("image") for file in clean_files(system)]
FADING = [file for system in PARAMS.attacked() for file in fading_files(system)]
SAMPLES = {table: CLEAN if table in outputs.OF_CLEAN_SAMPLES else ATTACKED for table in outputs.TABLES}
SAMPLES[outputs.OF_FADING] = FADING
SAMPLES[outputs.OF_STRUCTURES] = STRUCTURES
SAMPLES |= dict.fromkeys(outputs.LIMIT_TABLES, LIMITS + ATTACKED)
SAMPLES |= dict.fromkeys(outputs.CRITERIA_TABLES, CRITERIA)
SAMPLES |= dict.fromkeys(outputs.RECOGNITION_TABLES, ACCURACY)
SAMPLES[outputs.COMPARISON] = [file for table in outputs.JUDGED for file in table_files(table)]


rule clean:
    input:
        DATASET,
        model_files("{system}"),
        current=lambda wildcards: current(LAYOUT.clean(wildcards.system), jobs.clean(PARAMS, wildcards.system)),
    output:
        clean_files("{system}"),
    params:
        key=lambda wildcards: jobs.clean(PARAMS, wildcards.system).key,
    log:
        log("clean", "{system}"),
    benchmark:
        benchmark("clean", "{system}")
    threads: PARAMS.compute.job_threads
    resources:
        **needs("clean"),
    shell:
        "semrobust evaluate clean {wildcards.system} {FILES} --key {params.key} > {log} 2>&1"


rule fading:
    input:
        DATASET,
        model_files("{system}"),
        current=lambda wildcards: current(LAYOUT.fading(wildcards.system), jobs.fading(PARAMS, wildcards.system)),
    output:
        fading_files("{system}"),
    params:
        key=lambda wildcards: jobs.fading(PARAMS, wildcards.system).key,
    log:
        log("fading", "{system}"),
    benchmark:
        benchmark("fading", "{system}")
    threads: PARAMS.compute.job_threads
    resources:
        **needs("fading"),
    shell:
        "semrobust evaluate fading {wildcards.system} {FILES} --key {params.key} > {log} 2>&1"


rule table:
    input:
        lambda wildcards: SAMPLES[wildcards.table],
        current=lambda wildcards: current(LAYOUT.table(wildcards.table), outputs.table(PARAMS, wildcards.table)),
    output:
        table_files("{table}"),
    params:
        key=lambda wildcards: outputs.table(PARAMS, wildcards.table).key,
    log:
        log("table", "{table}"),
    benchmark:
        benchmark("table", "{table}")
    resources:
        **needs("table"),
    shell:
        "semrobust evaluate table {wildcards.table} {FILES} --key {params.key} > {log} 2>&1"


rule gallery:
    input:
        DATASET,
        [model_files(system) for system in PARAMS.attacked()],
        ATTACKED,
        current=lambda wildcards: current(LAYOUT.gallery(), jobs.gallery(PARAMS)),
    output:
        gallery_files(),
    params:
        key=jobs.gallery(PARAMS).key,
    log:
        log("gallery"),
    benchmark:
        benchmark("gallery")
    threads: PARAMS.compute.job_threads
    resources:
        **needs("gallery"),
    shell:
        "semrobust evaluate gallery {FILES} --key {params.key} > {log} 2>&1"


rule clean_samples:
    input:
        CLEAN,
        FADING,


rule results:
    input:
        [table_files(table) for table in outputs.TABLES],
        gallery_files(),
