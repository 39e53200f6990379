# hu2022: semantic noise against each system that names classes, and the accuracy of each under all of it.
CLASSIFIERS = PARAMS.of_task("class")
NOISE = [file for system in CLASSIFIERS for file in noise_files(system)]
ACCURACY = [file for system in CLASSIFIERS for file in accuracy_files(system)]


rule noise:
    input:
        DATASET,
        model_files("{system}"),
        current=lambda wildcards: current(LAYOUT.noise(wildcards.system), jobs.noise(PARAMS, wildcards.system)),
    output:
        noise_files("{system}"),
    params:
        key=lambda wildcards: jobs.noise(PARAMS, wildcards.system).key,
    log:
        log("noise", "{system}"),
    benchmark:
        benchmark("noise", "{system}")
    threads: PARAMS.compute.job_threads
    resources:
        **needs("noise"),
    shell:
        "semrobust noise {wildcards.system} {FILES} --key {params.key} > {log} 2>&1"


# Noise made on any system is tried on every other one: does it transfer?
rule accuracy:
    input:
        DATASET,
        NOISE,
        model_files("{system}"),
        current=lambda wildcards: current(LAYOUT.accuracy(wildcards.system), jobs.accuracy(PARAMS, wildcards.system)),
    output:
        accuracy_files("{system}"),
    params:
        key=lambda wildcards: jobs.accuracy(PARAMS, wildcards.system).key,
    log:
        log("accuracy", "{system}"),
    benchmark:
        benchmark("accuracy", "{system}")
    threads: PARAMS.compute.job_threads
    resources:
        **needs("accuracy"),
    shell:
        "semrobust evaluate accuracy {wildcards.system} {FILES} --key {params.key} > {log} 2>&1"


rule recognition_samples:
    input:
        ACCURACY,
