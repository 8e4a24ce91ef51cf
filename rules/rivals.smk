# The base model -> models that compete with pruned ones: at smaller image sizes, narrower, or with fewer blocks.
rule make_rival:
    input:
        data=DATA,
        base=f"{RUN}/models/{NAME}.pt",
    output:
        model=f"{RUN}/models/{NAME}_{{rival}}_{{amount}}.pt",
        record=f"{RUN}/records/pruning/{NAME}_{{rival}}_{{amount}}.json",
    log:
        f"logs/make_rival/{NAME}_{{rival}}_{{amount}}.log",
    benchmark:
        f"{RUN}/benchmarks/make_rival/{NAME}_{{rival}}_{{amount}}.tsv"
    conda:
        "../envs/train.yaml"
    resources:
        runtime=REQUESTS.minutes,
        mem_mb=REQUESTS.memory_mb,
    params:
        folder=subpath(output.model, parent=True),
        what=rival_arguments,
        imgsz=IMGSZ,
        seed=SEED,
    message:
        "Making the rival in {wildcards.rival}: {wildcards.amount}"
    shell:
        "make_rival.py --model {input.base:q} {params.what:q} --imgsz {params.imgsz:q} --output {params.folder:q}"
        " --dataset {input.data:q} --seed {params.seed:q} --record {output.record:q} > {log:q} 2>&1"


rule tune_rival:
    input:
        data=DATA,
        rival=f"{RUN}/models/{NAME}_{{rival}}_{{amount}}.pt",
        gpu=gpu_check("training"),
    output:
        model=f"{RUN}/models/{NAME}_{{rival}}_{{amount}}_tuned.pt",
        record=f"{RUN}/records/training/{NAME}_{{rival}}_{{amount}}_tuned.json",
    log:
        f"logs/tune_rival/{NAME}_{{rival}}_{{amount}}.log",
    benchmark:
        f"{RUN}/benchmarks/tune_rival/{NAME}_{{rival}}_{{amount}}.tsv"
    # A rival in width is trained for the longest of all.
    priority: 1
    conda:
        "../envs/train.yaml"
    resources:
        gpu=GPUS,
        stage_to="",
        runtime=REQUESTS.minutes,
        mem_mb=REQUESTS.memory_mb,
    params:
        name=subpath(output.model, basename=True, strip_suffix=".pt"),
        folder=subpath(output.model, parent=True),
        options=rival_tuning,
        device=DEVICE,
        seed=SEED,
    message:
        "Training the rival in {wildcards.rival}: {wildcards.amount}"
    shell:
        "train.py {params.name:q} --dataset {input.data:q} --project {params.folder:q}"
        " --base-model {input.rival:q} --pruned-model --resume {params.options:q} --device {params.device:q}"
        " --stage-to={resources.stage_to:q} --seed {params.seed:q} --record {output.record:q} 2>&1 | tee {log:q}"
