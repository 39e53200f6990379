def drawn_from(wildcards):
    kind = FIGURES[wildcards.figure]
    return [file for table in kind.tables for file in table_files(table)] + (gallery_files() if kind.gallery else [])


rule figure:
    input:
        drawn_from,
        current=lambda wildcards: current(LAYOUT.figure(wildcards.figure), outputs.figure(PARAMS, wildcards.figure)),
    output:
        LAYOUT.figure("{figure}"),
        in_report(LAYOUT.figure("{figure}", ".png"), "figure"),
        record_path(LAYOUT.figure("{figure}")),
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


rule figures:
    input:
        [figure_files(figure) for figure in FIGURES],
