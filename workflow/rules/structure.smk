# One job analyses the LDPC code of one attacked system: cycles, trapping sets, codewords of low weight.
STRUCTURES = [file for system in PARAMS.coded() for file in structure_files(system)]


rule structure:
    input:
        model_files("{system}"),
        current=lambda wildcards: current(
            LAYOUT.structure(wildcards.system), jobs.structure(PARAMS, wildcards.system)
        ),
    output:
        structure_files("{system}"),
    params:
        key=lambda wildcards: jobs.structure(PARAMS, wildcards.system).key,
    log:
        log("structure", "{system}"),
    benchmark:
        benchmark("structure", "{system}")
    resources:
        **needs("structure"),
    shell:
        "semrobust evaluate structure {wildcards.system} {FILES} --key {params.key} > {log} 2>&1"


rule structures:
    input:
        STRUCTURES,
