rule report:
    input:
        [table_files(table) for table in outputs.TABLES],
        [figure_files(figure) for figure in FIGURES],
        current=lambda wildcards: current(LAYOUT.report(), outputs.report(PARAMS)),
    output:
        report_files(),
    params:
        key=lambda wildcards: outputs.report(PARAMS).key,
    log:
        log("report"),
    benchmark:
        benchmark("report")
    resources:
        **needs("report"),
    shell:
        "semrobust report {FILES} --key {params.key} > {log} 2>&1"
