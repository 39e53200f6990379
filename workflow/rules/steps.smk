# One rule for each step (src/semrobust/pipeline/step.py) of which the plan has artifacts. Their files are named with keys: an
# artifact that exists is right by its name. So inputs are `ancient`, and what is made does not ask for inputs that are not
# here: a clone that has a network and not the dataset trains nothing.
# Loops define functions by call, since a rule's functions run when the loop is long over.


def inputs_of(kind):
    def inputs(wildcards):
        artifact = PLAN[f"{kind}/{wildcards.name}"]
        if artifact.key != wildcards.key:
            raise ValueError(f"the params ask for {artifact.path()}, and not for what has the key {wildcards.key}")
        asked, made = PLAN.inputs(artifact), work.is_made(artifact)
        return [ancient(path) for needed in asked for path in needed.paths if not made or path.exists()]

    return inputs


def of(kind, ask):
    return lambda wildcards: ask(PLAN[f"{kind}/{wildcards.name}"])


def grows(kind, least):
    """A job that was killed for its memory or its time is given more next time."""
    return lambda wildcards, attempt: attempt * of(kind, least)(wildcards)


def outputs_of(one):
    stem = f"{RUN}/{one.folder}/{{name}}-{{key}}"
    return [shown(one.kind, f"{stem}{suffix}") for suffix in (*one.suffixes, ".json")]


def shown(kind, path):
    """An output, as `snakemake --report` shows it if it is a table or the picture of a figure."""
    if Path(path).suffix not in (".csv", ".png"):
        return path

    def category(wildcards):
        paper = wildcards.name.split("_")[0]
        return "Tables" if kind == "table" else paper if paper in ("hu2022", "zhang2026") else "Beyond the papers"

    def labels(wildcards):
        artifact = PLAN[f"{kind}/{wildcards.name}"]
        return {kind: artifact.name, "shows": artifact.settings["caption"]["title"]}

    return report(path, caption="../report/caption.rst", category=category, labels=labels)


for kind, one in {artifact.kind: artifact for artifact in PLAN}.items():

    rule:
        """One artifact of the step of this name. What it does: semrobust --help"""
        name: kind
        input:
            inputs_of(kind),
        output:
            outputs_of(one),
        params:
            verb=kind,
            plan=folder_of(PLAN.run),
        log:
            f"{RUN}/logs/{kind}/{{name}}-{{key}}.log",
        benchmark:
            f"{RUN}/benchmarks/{kind}/{{name}}-{{key}}.tsv"
        threads: of(kind, lambda artifact: artifact.settings.get("threads", 1))
        resources:
            mem_mb=grows(kind, lambda artifact: artifact.memory_mb),
            runtime=grows(kind, lambda artifact: artifact.minutes),
            gpu=of(kind, lambda artifact: GPUS * artifact.gpu),
        shell:
            "semrobust {params.verb} {wildcards.name} --plan {params.plan:q} --key {wildcards.key} > {log:q} 2>&1"


rule publish:
    """Copies to their plain names: tables and figures that are made, and lie there altered, in another version or not."""
    input:
        lambda wildcards: [ancient(path) for artifact in unpublished() for path in artifact.paths],
    output:
        temp(AGAIN),
    params:
        plan=folder_of(PLAN.run),
    localrule: True
    shell:
        "semrobust publish --plan {params.plan:q} && touch {output:q}"
