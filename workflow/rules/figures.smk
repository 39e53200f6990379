def drawn_from(wildcards):
    kind = FIGURES[wildcards.figure]
    return [file for table in kind.tables for file in table_files(table)] + (gallery_files() if kind.gallery else [])


rule figure:
    input:
        drawn_from,
        current=lambda wildcards: current(LAYOUT.figure(wildcards.figure), outputs.figure(PARAMS, wildcards.figure)),
    output:
        figure_files("{figure}"),
    params:
        key=lambda wildcards: outputs.figure(PARAMS, wildcards.figure).key,
    log:
        log("figure", "{figure}"),
    benchmark:
        benchmark("figure", "{figure}")
    resources:
        **needs("figure"),
    shell:
        "semrobust figure {wildcards.figure} {FILES} --key {params.key} > {log} 2>&1"
