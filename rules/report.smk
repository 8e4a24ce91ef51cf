# Records -> tables -> choice, plots and the texts of the report. What fails here fails again: nothing is tried twice.
# Rules with long lists of inputs name all of them by path, see `rule all`.
INTERVALS = in_run([record_paths.INTERVALS, "records/intervals.npz"])
CHOICE = (contents.SELECTION, contents.OUTPUT_TYPES)


rule write_manifest:
    output:
        f"{RUN}/manifest.json",
    log:
        f"logs/write_manifest/{NAME}.log",
    retries: 0
    params:
        manifest=EXPECTED.manifest.to_json() | experience.noted(config),
    message:
        "Writing down what is expected of this run"
    run:
        write_json(output[0], params.manifest)


# By itself, so that a changed configuration makes nothing else run again.
rule write_config:
    output:
        f"{RUN}/{CONFIG_FILE}",
    log:
        f"logs/write_config/{NAME}.log",
    retries: 0
    params:
        # As text, because Snakemake reads mappings in lists as other types from JSON than from YAML. What a function
        # returns may have braces.
        config=lambda wildcards: json.dumps(config),
    message:
        "Writing down the configuration of this run"
    run:
        write_json(output[0], json.loads(params.config))


rule compare_accuracy:
    input:
        # What it compares are inputs too: other changes of the manifest, as new times, are no reason to run again.
        manifest=ancient(f"{RUN}/manifest.json"),
        dataset=f"{RUN}/{record_paths.DATASET}",
        records=in_run(EXPECTED.model_records + EXPECTED.artifact_records),
        evidence=in_run(EXPECTED.evidence),
    output:
        INTERVALS,
    log:
        f"logs/compare_accuracy/{NAME}.log",
    benchmark:
        f"{RUN}/benchmarks/compare_accuracy/{NAME}.tsv"
    retries: 0
    conda:
        "../envs/report.yaml"
    resources:
        runtime=REQUESTS.minutes,
        mem_mb=REQUESTS.memory_mb,
    params:
        run=subpath(input.manifest, parent=True),
        seed=SEED,
    message:
        "Computing intervals of the accuracy of all files"
    shell:
        "compare_accuracy.py {params.run:q} --seed {params.seed:q} > {log:q} 2>&1"


rule gather_records:
    input:
        manifest=f"{RUN}/manifest.json",
        dataset=f"{RUN}/{record_paths.DATASET}",
        records=in_run(EXPECTED.records),
        intervals=INTERVALS,
    output:
        [reported(path) for path in SHOWN_TABLES],
        [f"{RUN}/{path}" for path in contents.TABLES if path not in SHOWN_TABLES],
    log:
        f"logs/gather_records/{NAME}.log",
    retries: 0
    conda:
        "../envs/report.yaml"
    params:
        run=subpath(input.manifest, parent=True),
    message:
        "Gathering all records into tables"
    shell:
        "gather.py {params.run:q} > {log:q} 2>&1"


rule select_models:
    input:
        rules.gather_records.output,
        rules.compare_accuracy.output,
    output:
        [reported(path) for path in CHOICE],
    log:
        f"logs/select_models/{NAME}.log",
    retries: 0
    conda:
        "../envs/report.yaml"
    params:
        run=subpath(output[0], ancestor=2),
        # By a function: of other values, Snakemake would fill in what looks like a wildcard.
        wants=lambda wildcards: wants.arguments(WANTS),
    message:
        "Choosing models for each device"
    shell:
        "select_models.py {params.run:q} {params.wants:q} > {log:q} 2>&1"


if config["evaluate"]["limit"]:

    # One job for all, since which they are is known only then. What is measured stays: a second attempt goes on.
    rule evaluate_chosen:
        input:
            data=DATA,
            selection=rules.select_models.output,
        output:
            f"{RUN}/tables/chosen.csv",
        log:
            f"logs/evaluate_chosen/{NAME}.log",
        conda:
            "../envs/measure.yaml"
        resources:
            runtime=REQUESTS.minutes,
            mem_mb=REQUESTS.memory_mb,
        params:
            run=subpath(output[0], ancestor=2),
        message:
            "Measuring the accuracy of the chosen artifacts on all of test"
        shell:
            "evaluate_chosen.py {params.run:q} {input.data:q} --threads {threads} > {log:q} 2>&1"


# A folder, since which files are chosen is known only then.
rule make_bundles:
    input:
        data=DATA,
        artifacts=[f"{RUN}/artifacts/{file}" for file in EXPECTED.artifacts],
        config=f"{RUN}/{CONFIG_FILE}",
        selection=in_run(CHOICE),
    output:
        directory(f"{RUN}/bundles"),
    log:
        f"logs/make_bundles/{NAME}.log",
    retries: 0
    conda:
        "../envs/measure.yaml"
    resources:
        runtime=REQUESTS.minutes,
        mem_mb=REQUESTS.memory_mb,
    params:
        run=subpath(output[0], parent=True),
    message:
        "Packing the chosen files for apps"
    shell:
        "bundle.py --results {params.run:q} --data {input.data:q} --threads {threads} --output {output:q} > {log:q} 2>&1"


rule compare_chosen:
    input:
        models=f"{RUN}/tables/models.csv",
        selection=in_run(CHOICE),
        evidence=in_run(EXPECTED.evidence),
    output:
        in_run(contents.DEGRADATION),
    log:
        f"logs/compare_chosen/{NAME}.log",
    retries: 0
    conda:
        "../envs/report.yaml"
    resources:
        runtime=REQUESTS.minutes,
        mem_mb=REQUESTS.memory_mb,
    params:
        run=subpath(output[0], ancestor=2),
        seed=SEED,
    message:
        "Comparing the chosen files with the unpruned model"
    shell:
        "compare_chosen.py {params.run:q} --seed {params.seed:q} > {log:q} 2>&1"


rule draw_failures:
    input:
        data=DATA,
        tables=rules.compare_chosen.output,
    output:
        reported(contents.FAILURES),
    log:
        f"logs/draw_failures/{NAME}.log",
    retries: 0
    conda:
        "../envs/report.yaml"
    params:
        run=subpath(output[0], ancestor=2),
    message:
        "Drawing pictures in which the chosen files fail"
    shell:
        "draw_failures.py {params.run:q} {input.data:q} {output:q} > {log:q} 2>&1"


rule plot_results:
    input:
        rules.gather_records.output,
        rules.select_models.output,
        rules.compare_chosen.output,
    output:
        [reported(path) for path in (*contents.PLOTS, *EXPECTED.study_plots)],
    log:
        f"logs/plot_results/{NAME}.log",
    retries: 0
    conda:
        "../envs/report.yaml"
    params:
        run=subpath(output[0], ancestor=2),
    message:
        "Drawing plots"
    shell:
        "plot_results.py {params.run:q} > {log:q} 2>&1"


rule render_report:
    input:
        rules.gather_records.output,
        rules.select_models.output,
        rules.compare_chosen.output,
        rules.plot_results.output,
        in_run(EXPECTED.optional_plots),
        rules.evaluate_chosen.output if config["evaluate"]["limit"] else [],
    output:
        [reported(path) for path in (*contents.HTML_TABLES, *EXPECTED.optional_tables, *contents.PAGES)],
        f"{RUN}/{contents.INDEX}",
        in_run(contents.captions(tuple(EXPECTED.optional))),
    log:
        f"logs/render_report/{NAME}.log",
    retries: 0
    conda:
        "../envs/report.yaml"
    params:
        run=subpath(output[0], ancestor=2),
        optional=EXPECTED.optional,
    message:
        "Writing the report's texts and tables"
    shell:
        "render_report.py {params.run:q} --optional {params.optional:q} > {log:q} 2>&1"


if OTHER_RUN:

    rule compare_runs:
        input:
            rules.gather_records.output,
            rules.select_models.output,
            rules.write_config.output,
            existing(f"{OTHER_RUN}/tables/selection.csv"),
        output:
            COMPARISON,
        log:
            f"logs/compare_runs/{NAME}.log",
        benchmark:
            f"{RUN}/benchmarks/compare_runs/{NAME}.tsv"
        retries: 0
        conda:
            "../envs/report.yaml"
        resources:
            runtime=REQUESTS.minutes,
            mem_mb=REQUESTS.memory_mb,
        params:
            other=OTHER_RUN,
            run=subpath(output[0], parent=True),
        message:
            "Comparing this run with {params.other}"
        shell:
            "compare.py {params.other:q} {params.run:q} --output {output[0]:q} > {log:q} 2>&1"
