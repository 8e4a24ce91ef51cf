# Models and artifacts -> records of accuracy and of time, memory and energy.
rule evaluate_model:
    input:
        data=DATA,
        model=f"{RUN}/models/{{model}}.pt",
        gpu=gpu_check("training"),
    output:
        record=f"{RUN}/records/accuracy/{{model}}.json",
        # Written beside the record: the command needs no name of it.
        evidence=f"{RUN}/records/accuracy/{{model}}.npz",
    log:
        "logs/evaluate_model/{model}.log",
    benchmark:
        f"{RUN}/benchmarks/evaluate_model/{{model}}.tsv"
    conda:
        "../envs/measure.yaml"
    resources:
        gpu=GPUS,
        runtime=REQUESTS.minutes,
        mem_mb=REQUESTS.memory_mb,
    params:
        imgsz=lambda wildcards: EXPECTED.own_sizes.get(wildcards.model, IMGSZ),
        device=DEVICE,
        options=options("evaluate", measuring.Evaluation) + options("export", exporting.LeanHead),
        seed=SEED,
    message:
        "Measuring the accuracy of {wildcards.model}"
    shell:
        "evaluate.py {input.model:q} {input.data:q} --split val test --imgsz {params.imgsz:q}"
        " --device {params.device:q} --threads {threads} {params.options:q} --seed {params.seed:q}"
        " --output {output.record:q} > {log:q} 2>&1"


rule evaluate_artifact:
    input:
        data=DATA,
        artifact=f"{RUN}/artifacts/{{artifact}}",
    output:
        record=f"{RUN}/records/accuracy/{{artifact}}.json",
        # Written beside the record: the command needs no name of it.
        evidence=f"{RUN}/records/accuracy/{{artifact}}.npz",
    log:
        "logs/evaluate_artifact/{artifact}.log",
    benchmark:
        f"{RUN}/benchmarks/evaluate_artifact/{{artifact}}.tsv"
    conda:
        "../envs/measure.yaml"
    resources:
        runtime=REQUESTS.minutes,
        mem_mb=REQUESTS.memory_mb,
    params:
        options=options("evaluate", measuring.Evaluation),
        seed=SEED,
    message:
        "Measuring the accuracy of {wildcards.artifact}"
    shell:
        "evaluate.py {input.artifact:q} {input.data:q} --split val test --threads {threads}"
        " {params.options:q} --seed {params.seed:q} --output {output.record:q} > {log:q} 2>&1"


# int8 files are made for the processor that they are timed on, wherever they are exported.
rule describe_processor:
    output:
        f"{RUN}/{record_paths.PROCESSOR}",
    log:
        f"logs/describe_processor/{NAME}.log",
    conda:
        "../envs/measure.yaml"
    resources:
        runtime=REQUESTS.minutes,
        mem_mb=REQUESTS.memory_mb,
    message:
        "Looking at the processor on which artifacts are timed"
    shell:
        "describe_processor.py --output {output:q} > {log:q} 2>&1"


# Times that were measured on another device become a record of this run's files.
rule import_timings:
    input:
        files=lambda wildcards: [path for file in IMPORTED[wildcards.entry].files for path in existing(file)],
        manifest=f"{RUN}/manifest.json",
        exports=in_run(EXPECTED.export_records),
    output:
        f"{RUN}/records/imported/{{entry}}.json",
    log:
        f"logs/import_timings/{NAME}_{{entry}}.log",
    wildcard_constraints:
        entry="|".join(map(re.escape, IMPORTED)) or "-",
    # What is refused once is refused again.
    retries: 0
    conda:
        "../envs/report.yaml"
    params:
        run=subpath(input.manifest, parent=True),
        device=lambda wildcards: ["--device", name] if (name := IMPORTED[wildcards.entry].device) else [],
    message:
        "Reading times from another device: {input.files}"
    shell:
        "import_timings.py {input.files:q} --results {params.run:q} {params.device:q} --output {output:q} > {log:q} 2>&1"


# One rule for each device: clusters give them other nodes, and GPU jobs are never grouped.
for kind in ("cpu", "gpu"):

    rule:
        name:
            f"measure_on_{kind}"
        input:
            artifact=f"{RUN}/artifacts/{{artifact}}",
            baseline=[f"{RUN}/artifacts/{file}" for file in EXPECTED.baseline],
            video=timed_on(),
            gpu=gpu_check("measuring", kind),
        output:
            f"{RUN}/records/inference/{kind}_{{threads}}/{{artifact}}.json",
        log:
            f"logs/measure_on_{kind}/{{threads}}/{{artifact}}.log",
        benchmark:
            f"{RUN}/benchmarks/measure_on_{kind}/{{threads}}/{{artifact}}.tsv"
        conda:
            f"../envs/measure{'_gpu' if kind == 'gpu' else ''}.yaml"
        threads: lambda wildcards: int(wildcards.threads)
        resources:
            gpu=int(kind == "gpu"),
            runtime=REQUESTS.minutes,
            mem_mb=REQUESTS.memory_mb,
        params:
            baseline=["--baseline"] if EXPECTED.baseline else [],
            options=options("measure", measuring.Timing),
            seed=SEED,
            device=kind,
        message:
            "Timing {wildcards.artifact} on the {params.device}, {wildcards.threads} thread(s)"
        shell:
            "measure_inference.py {input.artifact:q} {input.video:q} --device {params.device:q}"
            " --threads {wildcards.threads:q} {params.baseline:q} {input.baseline:q} {params.options:q}"
            " --seed {params.seed:q} --output {output:q} > {log:q} 2>&1"
