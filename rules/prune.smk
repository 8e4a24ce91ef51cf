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


rule scan_layers:
    input:
        data=DATA,
        model=f"{RUN}/models/{NAME}.pt",
    output:
        f"{RUN}/records/sensitivity/layers.json",
    log:
        f"logs/scan_layers/{NAME}.log",
    benchmark:
        f"{RUN}/benchmarks/scan_layers/{NAME}.tsv"
    conda:
        "../envs/train.yaml"
    params:
        options=options("sensitivity", pruning.Sensitivity),
        seed=SEED,
    message:
        "Pruning each layer alone and measuring what that costs"
    shell:
        "scan_layers.py {input.model:q} {input.data:q} {params.options:q} --seed {params.seed:q} --output {output:q} > {log:q} 2>&1"


rule explain_pruning:
    input:
        data=DATA,
        model=f"{RUN}/models/{NAME}.pt",
        gpu=gpu_check("training"),
    output:
        f"{RUN}/records/sensitivity/explain.json",
    log:
        f"logs/explain_pruning/{NAME}.log",
    benchmark:
        f"{RUN}/benchmarks/explain_pruning/{NAME}.tsv"
    conda:
        "../envs/train.yaml"
    resources:
        gpu=GPUS,
    params:
        epochs=config["fine"]["epochs"],
        device=DEVICE,
        seed=SEED,
    message:
        "Repeating the mistakes of the reference beside the right way"
    shell:
        "explain_pruning.py {input.model:q} {input.data:q} --epochs {params.epochs:q} --device {params.device:q}"
        " --seed {params.seed:q} --output {output:q} > {log:q} 2>&1"
