# Images and annotations -> a YOLO data set.
if SOURCES.synthetic:

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
        resources:
            runtime=REQUESTS.minutes,
            mem_mb=REQUESTS.memory_mb,
        params:
            folder=subpath(output.images, parent=True),
            options=options("synthetic", data.Synthetic),
            gestures=["--gestures", *config["hagrid"]["targets"]] if config["hagrid"]["targets"] != "all" else [],
        message:
            "Rendering hands"
        shell:
            "synthesize_hands.py {params.folder:q} {params.options:q} {params.gestures:q}"
            " --video {output.video:q} --processes {threads} > {log:q} 2>&1"


if SOURCES.fetch:

    # The pictures are no output: Snakemake would remove them first, and a download that broke off goes on where it was.
    rule fetch_hagrid:
        output:
            done=touch(f"{sources.FETCHED}/fetched_for_{NAME}"),
        log:
            f"logs/fetch_hagrid/{NAME}.log",
        # The command itself is patient with the network; what it refuses it would refuse again.
        retries: 0
        localrule: True
        conda:
            "../envs/data.yaml"
        params:
            folder=subpath(output.done, parent=True),
            options=options("hagrid.fetch", data.Fetch),
            targets=config["hagrid"]["targets"],
            seed=SEED,
        message:
            "Downloading HaGRID, on this node: {params.options}"
        shell:
            "fetch_hagrid.py {params.options:q} --targets {params.targets:q} --seed {params.seed:q} --out {params.folder:q}"
            " 2>&1 | tee {log:q}"


if SOURCES.dataset:

    rule prepare_dataset:
        input:
            existing(SOURCES.dataset),
            existing(NOTED_CHANGES),
        output:
            data=DATA,
            record=f"{RUN}/{record_paths.DATASET}",
        log:
            f"logs/prepare_dataset/{NAME}.log",
        benchmark:
            f"{RUN}/benchmarks/prepare_dataset/{NAME}.tsv"
        # What is wrong with a data set is wrong again at the next attempt.
        retries: 0
        conda:
            "../envs/data.yaml"
        resources:
            runtime=REQUESTS.minutes,
            mem_mb=REQUESTS.memory_mb,
        params:
            data=SOURCES.dataset,
            folder=subpath(output.data, parent=True),
            for_training=for_training(),
        message:
            "Looking through the data set {params.data}"
        shell:
            "prepare_dataset.py {params.data:q} --out {params.folder:q} {params.for_training:q}"
            " --record {output.record:q} > {log:q} 2>&1"

else:

    rule hagrid_to_yolo:
        input:
            [rules.synthesize_hands.output.images, rules.synthesize_hands.output.annotations]
            if SOURCES.synthetic
            else [],
            rules.fetch_hagrid.output if SOURCES.fetch else [],
            existing(NOTED_CHANGES),
        output:
            data=DATA,
            record=f"{RUN}/{record_paths.DATASET}",
        log:
            f"logs/hagrid_to_yolo/{NAME}.log",
        benchmark:
            f"{RUN}/benchmarks/hagrid_to_yolo/{NAME}.tsv"
        # What is wrong with a data set is wrong again at the next attempt.
        retries: 0
        conda:
            "../envs/data.yaml"
        resources:
            runtime=REQUESTS.minutes,
            mem_mb=REQUESTS.memory_mb,
        params:
            # By functions: Snakemake would fill in what looks like a wildcard.
            images=lambda wildcards: SOURCES.hagrid("images"),
            annotations=lambda wildcards: SOURCES.hagrid("annotations"),
            options=options("hagrid", data.Hagrid, without=("images", "annotations")),
            seed=SEED,
            folder=subpath(output.data, parent=True),
            # Runs with the same classes share label files of HaGRID.
            labels=[] if SOURCES.synthetic else ["--labels", "results/labels"],
            for_training=for_training(),
        message:
            "Converting HaGRID's annotations to a YOLO data set"
        shell:
            "hagrid_to_yolo.py --images {params.images:q} --annotations {params.annotations:q}"
            " {params.options:q} --seed {params.seed:q} --out {params.folder:q}"
            " {params.labels:q} --processes {threads} {params.for_training:q} --record {output.record:q} > {log:q} 2>&1"


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
    resources:
        runtime=REQUESTS.minutes,
        mem_mb=REQUESTS.memory_mb,
    params:
        seed=SEED,
    message:
        "Drawing samples of the data set"
    shell:
        "contact_sheet.py {input.data:q} {output:q} --seed {params.seed:q} > {log:q} 2>&1"
