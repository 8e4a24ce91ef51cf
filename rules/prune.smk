# The base model -> pruned models, one job for each ratio.
rule coarse_prune:
    input:
        data=DATA,
        base=trained_base,
        scan=scan_record(),
    output:
        model=f"{RUN}/models/{NAME}{{seed}}_coarse_prune_{{percent}}.pt",
        record=f"{RUN}/records/pruning/{NAME}{{seed}}_coarse_prune_{{percent}}.json",
    log:
        f"logs/coarse_prune/{NAME}{{seed}}_{{percent}}.log",
    benchmark:
        f"{RUN}/benchmarks/coarse_prune/{NAME}{{seed}}_{{percent}}.tsv"
    conda:
        "../envs/train.yaml"
    resources:
        runtime=REQUESTS.minutes,
        mem_mb=REQUESTS.memory_mb,
    params:
        name=lambda wildcards: f"{NAME}{wildcards.seed}",
        folder=subpath(output.model, parent=True),
        ratio=lambda wildcards: f"{float(wildcards.percent) / 100:.10g}",
        options=options("coarse", pruning.CoarsePruning, without=NOT_COARSE),
        scan=["--sensitivity"] if scan_record() else [],
        seed=seed_of,
    message:
        "Removing {wildcards.percent}% of the channels, with seed {params.seed}"
    shell:
        "coarse_prune.py --model {input.base:q} --sparsity {params.ratio:q} --output {params.folder:q}"
        " --name {params.name:q} --dataset {input.data:q} {params.options:q} {params.scan:q} {input.scan:q} --seed {params.seed:q}"
        " --record {output.record:q} > {log:q} 2>&1"


rule fine_prune:
    input:
        base=trained_base,
    output:
        model=f"{RUN}/models/{NAME}{{seed}}_fine_prune_{{percent}}.pt",
        record=f"{RUN}/records/pruning/{NAME}{{seed}}_fine_prune_{{percent}}.json",
    log:
        f"logs/fine_prune/{NAME}{{seed}}_{{percent}}.log",
    benchmark:
        f"{RUN}/benchmarks/fine_prune/{NAME}{{seed}}_{{percent}}.tsv"
    conda:
        "../envs/train.yaml"
    resources:
        runtime=REQUESTS.minutes,
        mem_mb=REQUESTS.memory_mb,
    params:
        name=lambda wildcards: f"{NAME}{wildcards.seed}",
        folder=subpath(output.model, parent=True),
        ratio=lambda wildcards: f"{float(wildcards.percent) / 100:.10g}",
        options=options("fine", pruning.FinePruning, without=NOT_FINE),
    message:
        "Zeroing {wildcards.percent}% of the weights"
    shell:
        "fine_prune.py {params.name:q} --base-model {input.base:q} --prune-ratio {params.ratio:q}"
        " --project {params.folder:q} {params.options:q} --record {output.record:q} > {log:q} 2>&1"
