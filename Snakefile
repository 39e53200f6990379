# The whole pipeline: raw images -> models -> attacks -> tables -> figures.
#   snakemake --cores 8 all                                    the run in params.yaml
#   snakemake --cores 2 all --configfile params/demo.yaml      an overlay on it
from snakemake.utils import min_version

min_version("9.0")


configfile: "params.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/resources.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/attack.smk"
include: "workflow/rules/structure.smk"
include: "workflow/rules/theory.smk"
include: "workflow/rules/criteria.smk"
include: "workflow/rules/recognition.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/figures.smk"


rule all:
    default_target: True
    input:
        [table_files(table) for table in outputs.TABLES],
        [figure_files(figure) for figure in FIGURES],
