# The base model -> pruned models, one job for each ratio.
rule coarse_prune:
    input:
        data=DATA,
        base=f"{RUN}/models/{NAME}.pt",
        scan=scan_record(),
    output:
        model=f"{RUN}/models/{NAME}_coarse_prune_{{percent}}.pt",
        record=f"{RUN}/records/pruning/{NAME}_coarse_prune_{{percent}}.json",
    log:
        f"logs/coarse_prune/{NAME}_{{percent}}.log",
    benchmark:
        f"{RUN}/benchmarks/coarse_prune/{NAME}_{{percent}}.tsv"
    conda:
        "../envs/train.yaml"
    params:
        folder=subpath(output.model, parent=True),
        ratio=lambda wildcards: f"{float(wildcards.percent) / 100:.10g}",
        options=options("coarse", pruning.CoarsePruning, without=NOT_COARSE),
        scan=["--sensitivity"] if scan_record() else [],
        seed=SEED,
    message:
        "Removing {wildcards.percent}% of the channels"
    shell:
        "coarse_prune.py --model {input.base:q} --sparsity {params.ratio:q} --output {params.folder:q}"
        " --dataset {input.data:q} {params.options:q} {params.scan:q} {input.scan:q} --seed {params.seed:q}"
        " --record {output.record:q} > {log:q} 2>&1"


rule fine_prune:
    input:
        base=f"{RUN}/models/{NAME}.pt",
    output:
        model=f"{RUN}/models/{NAME}_fine_prune_{{percent}}.pt",
        record=f"{RUN}/records/pruning/{NAME}_fine_prune_{{percent}}.json",
    log:
        f"logs/fine_prune/{NAME}_{{percent}}.log",
    benchmark:
        f"{RUN}/benchmarks/fine_prune/{NAME}_{{percent}}.tsv"
    conda:
        "../envs/train.yaml"
    params:
        name=NAME,
        folder=subpath(output.model, parent=True),
        ratio=lambda wildcards: f"{float(wildcards.percent) / 100:.10g}",
        options=options("fine", pruning.FinePruning, without=NOT_FINE),
    message:
        "Zeroing {wildcards.percent}% of the weights"
    shell:
        "fine_prune.py {params.name:q} --base-model {input.base:q} --prune-ratio {params.ratio:q}"
        " --project {params.folder:q} {params.options:q} --record {output.record:q} > {log:q} 2>&1"
