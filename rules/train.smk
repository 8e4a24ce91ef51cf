# A data set -> the base model; pruned models -> fine-tuned models, and the base -> its twin.
rule fetch_weights:
    output:
        f"{sources.WEIGHTS}/{{weights}}.pt",
    log:
        "logs/fetch_weights/{weights}.log",
    conda:
        "../envs/train.yaml"
    message:
        "Fetching {wildcards.weights}.pt, once, on this node"
    shell:
        "fetch_weights.py {wildcards.weights:q}.pt {output:q} > {log:q} 2>&1"


rule check_gpu:
    output:
        f"{RUN}/records/gpu/{{purpose}}.json",
    log:
        f"logs/check_gpu/{NAME}_{{purpose}}.log",
    conda:
        lambda wildcards: ("../envs/train.yaml" if wildcards.purpose == "training" else "../envs/measure_gpu.yaml")
    resources:
        gpu=1,
        runtime=REQUESTS.minutes,
        mem_mb=REQUESTS.memory_mb,
    params:
        torch_only=lambda wildcards: (["--torch-only"] if wildcards.purpose == "training" else []),
    message:
        "Checking the GPU for {wildcards.purpose}"
    shell:
        "check_gpu.py --output {output:q} {params.torch_only:q} > {log:q} 2>&1"


# Whether the base can be what the run wants of it, before anything long starts. Its record is no reason to train again.
rule check_base_model:
    input:
        weights=existing(config["trained_model"]) or WEIGHTS_FILE,
        data=existing(SOURCES.dataset),
        teachers=teachers(*METHODS),
    output:
        f"{RUN}/records/base_check.json",
    log:
        f"logs/check_base_model/{NAME}.log",
    retries: 0
    conda:
        "../envs/train.yaml"
    params:
        base=base_model,
        trained=["--trained"] if config["trained_model"] else [],
        classes=class_arguments(),
        coarse=["--mode", config["coarse"]["mode"], *pruning_ratios("coarse")],
        fine=options("fine", pruning.FinePruning, without=NOT_FINE) + pruning_ratios("fine"),
        teachers=lambda wildcards, input: ["--teachers", *input.teachers] if input.teachers else [],
        rivals=rival_shares(),
        settings=training_settings(),
    message:
        "Checking that {params.base} can be trained and pruned as wanted"
    shell:
        "check_base_model.py {params.base:q} {params.classes:q} {params.trained:q} {params.coarse:q} {params.fine:q}"
        " {params.teachers:q} {params.rivals:q} {params.settings:q} --output {output:q} > {log:q} 2>&1"


if config["trained_model"]:

    rule import_model:
        input:
            data=DATA,
            model=existing(config["trained_model"]),
            check=ancient(rules.check_base_model.output),
        output:
            model=f"{RUN}/models/{NAME}.pt",
        log:
            f"logs/import_model/{NAME}.log",
        # A model that is refused once is refused again.
        retries: 0
        conda:
            "../envs/train.yaml"
        resources:
            runtime=REQUESTS.minutes,
            mem_mb=REQUESTS.memory_mb,
        params:
            model=config["trained_model"],
        message:
            "Taking over the trained model {params.model}"
        shell:
            "import_model.py {params.model:q} {input.data:q} {output.model:q} > {log:q} 2>&1"

else:

    rule train_base:
        input:
            data=DATA,
            weights=WEIGHTS_FILE,
            check=ancient(rules.check_base_model.output),
            gpu=gpu_check("training"),
        output:
            model=f"{RUN}/models/{NAME}{{seed}}.pt",
            record=f"{RUN}/records/training/{NAME}{{seed}}.json",
        log:
            f"logs/train_base/{NAME}{{seed}}.log",
        benchmark:
            f"{RUN}/benchmarks/train_base/{NAME}{{seed}}.tsv"
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
            base=base_model,
            options=options("train", training.ImageSize, training.Batches, training.Training, training.BaseActivation),
            device=DEVICE,
            seed=seed_of,
        message:
            "Training the base model with seed {params.seed}: {params.options}"
        shell:
            "train.py {params.name:q} --dataset {input.data:q} --project {params.folder:q} --base-model {params.base:q}"
            " --resume {params.options:q} --device {params.device:q} --gpus {resources.gpu}"
            " --stage-to={resources.stage_to:q} --seed {params.seed:q} --record {output.record:q} 2>&1 | tee {log:q}"


if EXPECTED.twin_method:

    # The longest of the tunings, since the network is whole: it starts first.
    rule tune_base:
        input:
            data=DATA,
            base=trained_base,
            gpu=gpu_check("training"),
        output:
            model=f"{RUN}/models/{NAME}{{seed}}_tuned.pt",
            record=f"{RUN}/records/training/{NAME}{{seed}}_tuned.json",
        log:
            f"logs/tune_base/{NAME}{{seed}}.log",
        benchmark:
            f"{RUN}/benchmarks/tune_base/{NAME}{{seed}}.tsv"
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
            method=EXPECTED.twin_method,
            options=NETWORK_OPTIONS + options(EXPECTED.twin_method, training.Training),
            device=DEVICE,
            seed=seed_of,
        message:
            "Tuning the twin of the base with seed {params.seed}, as after {params.method} pruning"
        shell:
            "train.py {params.name:q} --dataset {input.data:q} --project {params.folder:q}"
            " --base-model {input.base:q} --as-after {params.method:q} --resume {params.options:q}"
            " --device {params.device:q} --stage-to={resources.stage_to:q} --seed {params.seed:q}"
            " --record {output.record:q} 2>&1 | tee {log:q}"


rule tune_pruned:
    input:
        data=DATA,
        base=trained_base,
        pruned=f"{RUN}/models/{NAME}{{seed}}_{{method}}_prune_{{percent}}.pt",
        teacher=teacher,
        gpu=gpu_check("training"),
    output:
        model=f"{RUN}/models/{NAME}{{seed}}_{{method}}_prune_{{percent}}_tuned.pt",
        record=f"{RUN}/records/training/{NAME}{{seed}}_{{method}}_prune_{{percent}}_tuned.json",
    log:
        f"logs/tune_pruned/{NAME}{{seed}}_{{method}}_prune_{{percent}}.log",
    benchmark:
        f"{RUN}/benchmarks/tune_pruned/{NAME}{{seed}}_{{method}}_prune_{{percent}}.tsv"
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
        options=tuning_options,
        distill=distillation,
        gradual=gradual,
        device=DEVICE,
        seed=seed_of,
    message:
        "Fine-tuning with seed {params.seed} after {wildcards.method} pruning of {wildcards.percent}%"
    shell:
        "train.py {params.name:q} --dataset {input.data:q} --project {params.folder:q}"
        " --base-model {input.pruned:q} --pruned-model --resume {params.options:q} --device {params.device:q}"
        " --stage-to={resources.stage_to:q} --seed {params.seed:q} {params.distill:q} {params.gradual:q}"
        " --record {output.record:q} 2>&1 | tee {log:q}"
