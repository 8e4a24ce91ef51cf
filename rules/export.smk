# Models -> artifacts. One rule for each format of the registry; every file is a job of its own.
for entry in formats.FORMATS.values():

    rule:
        name:
            f"export_{entry.name}"
        input:
            data=DATA,
            model=lambda wildcards: f"{RUN}/models/{STEMS[wildcards.stem][0]}.pt",
        output:
            artifact=(directory if not entry.ending.startswith(".") else str)(
                f"{RUN}/artifacts/{{stem}}_{{precision}}{entry.ending}"
            ),
            record=f"{RUN}/records/export/{{stem}}_{{precision}}{entry.ending}.json",
        log:
            f"logs/export_{entry.name}/{{stem}}_{{precision}}.log",
        benchmark:
            f"{RUN}/benchmarks/export_{entry.name}/{{stem}}_{{precision}}.tsv"
        conda:
            f"../envs/export_{entry.name}.yaml"
        params:
            folder=subpath(output.artifact, parent=True),
            records=subpath(output.record, parent=True),
            imgsz=export_size,
            ending=entry.ending,
            target=config["export"]["target"],
            candidates=config["export"]["candidates"],
            calibration=config["export"]["calibration_images"],
            methods=config["export"]["calibration_methods"],
            guard=config["export"]["guard"],
            seed=SEED,
        message:
            "Exporting {wildcards.stem} as {wildcards.precision}{params.ending}"
        shell:
            "quantization.py {input.model} {input.data} {params.folder} --name {wildcards.stem}"
            " --imgsz {params.imgsz} --artifacts {wildcards.precision}{params.ending} --target {params.target}"
            " --candidates {params.candidates} --calibration-images {params.calibration} --methods {params.methods}"
            " --guard {params.guard} --seed {params.seed} --records {params.records} > {log} 2>&1"
