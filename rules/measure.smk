# Models and artifacts -> records of accuracy and of time, memory and energy.
rule evaluate_model:
    input:
        data=DATA,
        model=f"{RUN}/models/{{model}}.pt",
        gpu=gpu_check("training"),
    output:
        f"{RUN}/records/accuracy/{{model}}.json",
    log:
        "logs/evaluate_model/{model}.log",
    benchmark:
        f"{RUN}/benchmarks/evaluate_model/{{model}}.tsv"
    conda:
        "../envs/measure.yaml"
    resources:
        gpu=GPUS,
    params:
        imgsz=IMGSZ,
        device=DEVICE,
    message:
        "Measuring the accuracy of {wildcards.model}"
    shell:
        "evaluate.py {input.model} {input.data} --split val test --imgsz {params.imgsz}"
        " --device {params.device} --threads {threads} --output {output} > {log} 2>&1"


rule evaluate_artifact:
    input:
        data=DATA,
        artifact=f"{RUN}/artifacts/{{artifact}}",
    output:
        f"{RUN}/records/accuracy/{{artifact}}.json",
    log:
        "logs/evaluate_artifact/{artifact}.log",
    benchmark:
        f"{RUN}/benchmarks/evaluate_artifact/{{artifact}}.tsv"
    conda:
        "../envs/measure.yaml"
    message:
        "Measuring the accuracy of {wildcards.artifact}"
    shell:
        "evaluate.py {input.artifact} {input.data} --split val test --threads {threads}"
        " --output {output} > {log} 2>&1"


rule measure_inference:
    input:
        artifact=f"{RUN}/artifacts/{{artifact}}",
        baseline=baseline_input,
        video=[] if config["video"] else timing_source,
        gpu=lambda wildcards: gpu_check("measuring", wildcards.device),
    output:
        f"{RUN}/records/inference/{{device}}_{{threads}}/{{artifact}}.json",
    log:
        "logs/measure_inference/{device}_{threads}/{artifact}.log",
    benchmark:
        f"{RUN}/benchmarks/measure_inference/{{device}}_{{threads}}/{{artifact}}.tsv"
    conda:
        lambda wildcards: f"../envs/measure{'_gpu' if wildcards.device == 'gpu' else ''}.yaml"
    resources:
        gpu=lambda wildcards: int(wildcards.device == "gpu"),
    params:
        video=timing_source,
        baseline=lambda wildcards, input: (f"--baseline {input.baseline[0]}" if input.get("baseline") else ""),
        frames=config["measure"]["frames"],
        rounds=config["measure"]["rounds"],
        warmup=config["measure"]["warmup"],
        seed=SEED,
    message:
        "Timing {wildcards.artifact} on the {wildcards.device}, {wildcards.threads} thread(s)"
    shell:
        "measure_inference.py {input.artifact} {params.video} --device {wildcards.device}"
        " --threads {wildcards.threads} {params.baseline} --frames {params.frames} --rounds {params.rounds}"
        " --warmup {params.warmup} --seed {params.seed} --output {output} > {log} 2>&1"
