# The whole pipeline: raw images -> models -> samples -> tables -> figures.
#   snakemake --cores 8 all                                    the run in params.yaml
#   snakemake --cores 2 all --configfile params/demo.yaml      an overlay on it
from snakemake.utils import min_version, update_config

min_version("9.27")


configfile: "params.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/steps.smk"


rule all:
    """Everything that the params ask for, tables and figures under their plain names."""
    default_target: True
    input:
        [of_stage(stage) for stage in STAGES],
        published,


rule images:
    """The dataset, split."""
    input:
        of_stage("dataset"),


rule models:
    """All trained networks and codes."""
    input:
        of_stage("models"),


rule samples:
    """All results per image."""
    input:
        of_stage("samples"),


rule results:
    """All tables."""
    input:
        of_stage("results"),
        published,


rule figures:
    """All figures, and the report."""
    input:
        of_stage("figures"),
        published,
