# Studies of what pruning costs: each is measured in parts, one job for each, and gathered from their records.
rule scan_layers:
    input:
        data=DATA,
        model=f"{RUN}/models/{NAME}.pt",
        gpu=gpu_check("training"),
    output:
        f"{RUN}/records/sensitivity/layers/{{percent}}.json",
    log:
        f"logs/scan_layers/{NAME}_{{percent}}.log",
    benchmark:
        f"{RUN}/benchmarks/scan_layers/{NAME}_{{percent}}.tsv"
    conda:
        "../envs/train.yaml"
    resources:
        gpu=GPUS,
        runtime=REQUESTS.minutes,
        mem_mb=REQUESTS.memory_mb,
    params:
        ratio=lambda wildcards: f"{float(wildcards.percent) / 100:.10g}",
        options=options("sensitivity", pruning.LayerScan, without=("ratios",)) + NETWORK_OPTIONS,
        device=DEVICE,
        seed=SEED,
    message:
        "Removing {wildcards.percent}% of each layer alone and measuring what that costs"
    shell:
        "scan_layers.py {input.model:q} {input.data:q} --ratios {params.ratio:q} {params.options:q}"
        " --device {params.device:q} --threads {threads} --seed {params.seed:q} --output {output:q} > {log:q} 2>&1"


rule explain_pruning:
    input:
        data=DATA,
        model=f"{RUN}/models/{NAME}.pt",
        gpu=gpu_check("training"),
    output:
        f"{RUN}/records/sensitivity/explain/{{variant}}.json",
    log:
        f"logs/explain_pruning/{NAME}_{{variant}}.log",
    benchmark:
        f"{RUN}/benchmarks/explain_pruning/{NAME}_{{variant}}.tsv"
    wildcard_constraints:
        variant="|".join(name for name, variant in studies.VARIANTS.items() if not variant.tuned),
    conda:
        "../envs/train.yaml"
    resources:
        gpu=GPUS,
        runtime=REQUESTS.minutes,
        mem_mb=REQUESTS.memory_mb,
    params:
        options=options("sensitivity", pruning.Explain) + NETWORK_OPTIONS,
        device=DEVICE,
        seed=SEED,
    message:
        "Repeating a mistake of the reference, or the right way, without tuning: {wildcards.variant}"
    shell:
        "explain_pruning.py {input.model:q} {input.data:q} --variant {wildcards.variant:q} {params.options:q}"
        " --device {params.device:q} --threads {threads} --seed {params.seed:q} --output {output:q} > {log:q} 2>&1"


# The run folder beside the model is no output, so that it is there for the next attempt.
rule explain_tuning:
    input:
        data=DATA,
        model=f"{RUN}/models/{NAME}.pt",
        gpu=gpu_check("training"),
    output:
        model=f"{RUN}/studies/explain/{{variant}}.pt",
        record=f"{RUN}/records/sensitivity/explain/{{variant}}.json",
    log:
        f"logs/explain_tuning/{NAME}_{{variant}}.log",
    benchmark:
        f"{RUN}/benchmarks/explain_tuning/{NAME}_{{variant}}.tsv"
    wildcard_constraints:
        variant="|".join(name for name, variant in studies.VARIANTS.items() if variant.tuned),
    conda:
        "../envs/train.yaml"
    resources:
        gpu=GPUS,
        stage_to="",
        runtime=REQUESTS.minutes,
        mem_mb=REQUESTS.memory_mb,
    params:
        folder=subpath(output.model, parent=True),
        options=options("sensitivity", pruning.Explain) + NETWORK_OPTIONS + options("fine", training.Training),
        device=DEVICE,
        seed=SEED,
    message:
        "Repeating a mistake of the reference, or the right way, and tuning: {wildcards.variant}"
    shell:
        "explain_pruning.py {input.model:q} {input.data:q} --variant {wildcards.variant:q} {params.options:q}"
        " --project {params.folder:q} --device {params.device:q} --threads {threads}"
        " --stage-to={resources.stage_to:q} --seed {params.seed:q} --output {output.record:q} 2>&1 | tee {log:q}"


rule gather_study:
    input:
        study_parts,
    output:
        f"{RUN}/records/sensitivity/{{study}}.json",
    log:
        f"logs/gather_study/{NAME}_{{study}}.log",
    wildcard_constraints:
        study="|".join(studies.STUDIES),
    retries: 0
    conda:
        "../envs/report.yaml"
    message:
        "Gathering the parts of the study {wildcards.study}"
    shell:
        "gather_study.py {wildcards.study:q} {input:q} --output {output:q} > {log:q} 2>&1"
