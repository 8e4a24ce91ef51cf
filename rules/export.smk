# Models -> artifacts. One rule for each format of the registry; every file is a job of its own.
for entry in formats.FORMATS.values():

    rule:
        name:
            f"export_{entry.name}"
        input:
            unpack(export_inputs(entry)),
        output:
            artifact=(directory if entry.is_folder else str)(f"{RUN}/artifacts/{{stem}}_{{precision}}{entry.ending}"),
            record=f"{RUN}/records/export/{{stem}}_{{precision}}{entry.ending}.json",
        log:
            f"logs/export_{entry.name}/{{stem}}_{{precision}}.log",
        benchmark:
            f"{RUN}/benchmarks/export_{entry.name}/{{stem}}_{{precision}}.tsv"
        conda:
            f"../envs/{entry.environment}.yaml"
        resources:
            runtime=REQUESTS.minutes,
            mem_mb=REQUESTS.memory_mb,
        params:
            folder=subpath(output.artifact, parent=True),
            records=subpath(output.record, parent=True),
            imgsz=export_size(entry),
            ending=entry.ending,
            accuracy=known_accuracy,
            processor=known_processor,
            options=options("export", exporting.Export) + options("evaluate", measuring.Evaluation),
            seed=SEED,
        message:
            "Exporting {wildcards.stem} as {wildcards.precision}{params.ending}"
        shell:
            "quantization.py {input.model:q} {input.data:q} {params.folder:q} --name {wildcards.stem:q}"
            " --imgsz {params.imgsz:q} --artifacts {wildcards.precision:q}{params.ending:q} {params.options:q}"
            " {params.accuracy:q} {params.processor:q}"
            " --seed {params.seed:q} --threads {threads} --records {params.records:q} > {log:q} 2>&1"
