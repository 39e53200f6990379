def drawn_from(wildcards):
    kind = FIGURES[wildcards.figure]
    return [LAYOUT.table(table) for table in kind.tables] + ([LAYOUT.gallery()] if kind.gallery else [])


rule figure:
    input:
        drawn_from,
        current=lambda wildcards: current(LAYOUT.figure(wildcards.figure), jobs.figure(PARAMS, wildcards.figure)),
    output:
        pdf=LAYOUT.figure("{figure}"),
        png=LAYOUT.figure("{figure}", ".png"),
        record=record_path(LAYOUT.figure("{figure}")),
    params:
        key=lambda wildcards: jobs.figure(PARAMS, wildcards.figure).key,
    log:
        log("figure", "{figure}"),
    resources:
        mem_mb=1500,
        runtime=15,
    shell:
        "semrobust figure {wildcards.figure} {FILES} --key {params.key} > {log} 2>&1"
