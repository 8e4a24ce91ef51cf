# Images and annotations -> a YOLO data set.
if SYNTHETIC:

    rule synthesize_hands:
        output:
            images=directory(f"{HAGRID}/images"),
            annotations=directory(f"{HAGRID}/annotations"),
            video=f"{HAGRID}/video.mp4",
        log:
            f"logs/synthesize_hands/{NAME}.log",
        benchmark:
            f"{RUN}/benchmarks/synthesize_hands/{NAME}.tsv"
        conda:
            "../envs/data.yaml"
        threads: 2
        params:
            folder=subpath(output.images, parent=True),
            images=SYNTHETIC["images"],
            users=SYNTHETIC["users"],
            size=SYNTHETIC["size"],
            seed=SYNTHETIC["seed"],
            targets=config["hagrid"]["targets"],
        message:
            "Rendering hands"
        shell:
            "synthesize_hands.py {params.folder} --images {params.images} --users {params.users}"
            " --size {params.size} --seed {params.seed} --gestures {params.targets} --video {output.video}"
            " --processes {threads} > {log} 2>&1"


if config["dataset"]:

    rule prepare_dataset:
        input:
            existing(config["dataset"]),
        output:
            data=DATA,
            record=f"{RUN}/records/dataset.json",
        log:
            f"logs/prepare_dataset/{NAME}.log",
        benchmark:
            f"{RUN}/benchmarks/prepare_dataset/{NAME}.tsv"
        conda:
            "../envs/data.yaml"
        params:
            data=config["dataset"],
            folder=subpath(output.data, parent=True),
        message:
            "Looking through the data set {params.data}"
        shell:
            "prepare_dataset.py {params.data} --out {params.folder} --label-cache"
            " --record {output.record} > {log} 2>&1"

else:

    rule hagrid_to_yolo:
        input:
            [
                rules.synthesize_hands.output.images,
                rules.synthesize_hands.output.annotations,
            ]
            if SYNTHETIC
            else [],
        output:
            data=DATA,
            record=f"{RUN}/records/dataset.json",
        log:
            f"logs/hagrid_to_yolo/{NAME}.log",
        benchmark:
            f"{RUN}/benchmarks/hagrid_to_yolo/{NAME}.tsv"
        conda:
            "../envs/data.yaml"
        params:
            images=hagrid_images,
            annotations=hagrid_annotations,
            targets=config["hagrid"]["targets"],
            limit=(f"--limit {config['hagrid']['limit']}" if config["hagrid"]["limit"] else ""),
            seed=SEED,
            folder=subpath(output.data, parent=True),
        message:
            "Converting HaGRID's annotations to a YOLO data set"
        shell:
            "hagrid_to_yolo.py --images {params.images} --annotations {params.annotations}"
            " --targets {params.targets} {params.limit} --seed {params.seed} --out {params.folder} --label-cache"
            " --record {output.record} > {log} 2>&1"


rule draw_samples:
    input:
        data=DATA,
    output:
        reported("plots/samples.png"),
    log:
        f"logs/draw_samples/{NAME}.log",
    benchmark:
        f"{RUN}/benchmarks/draw_samples/{NAME}.tsv"
    conda:
        "../envs/data.yaml"
    params:
        seed=SEED,
    message:
        "Drawing samples of the data set"
    shell:
        "contact_sheet.py {input.data} {output} --seed {params.seed} > {log} 2>&1"
