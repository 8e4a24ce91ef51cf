# Records -> tables -> choice, plots and the texts of the report. What fails here fails again: nothing is tried twice.
rule write_manifest:
    output:
        f"{RUN}/manifest.json",
    log:
        f"logs/write_manifest/{NAME}.log",
    retries: 0
    params:
        manifest=MANIFEST,
    message:
        "Writing down what is expected of this run"
    run:
        write_json(output[0], params.manifest)


rule gather_records:
    input:
        # By its path: for a rule that names another one, Snakemake hashes the whole list of records once for each record.
        manifest=f"{RUN}/manifest.json",
        dataset=f"{RUN}/records/dataset.json",
        records=ALL_RECORDS,
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
    output:
        reported(contents.SELECTION),
    log:
        f"logs/select_models/{NAME}.log",
    retries: 0
    conda:
        "../envs/report.yaml"
    params:
        run=subpath(output[0], ancestor=2),
        options=options("select", measuring.Selection),
    message:
        "Choosing models for each device"
    shell:
        "select_models.py {params.run:q} {params.options:q} > {log:q} 2>&1"


rule plot_results:
    input:
        rules.gather_records.output,
        rules.select_models.output,
    output:
        [reported(path) for path in (*contents.PLOTS, *STUDY_PLOTS)],
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
        rules.plot_results.output,
        [f"{RUN}/{path}" for path in OPTIONAL_ITEMS],
    output:
        [reported(path) for path in (*contents.HTML_TABLES, *contents.PAGES)],
        f"{RUN}/{contents.INDEX}",
        [f"{RUN}/{path}" for path in contents.captions(tuple(OPTIONAL_ITEMS))],
    log:
        f"logs/render_report/{NAME}.log",
    retries: 0
    conda:
        "../envs/report.yaml"
    params:
        run=subpath(output[0], ancestor=2),
        optional=OPTIONAL_ITEMS,
    message:
        "Writing the report's texts and tables"
    shell:
        "render_report.py {params.run:q} --optional {params.optional:q} > {log:q} 2>&1"


# --- After a run in which jobs failed ---------------------------------------------------------------------------------
def reasons_of_failure():
    """Why records were not made: by file, which job failed for it, and what the job's log says."""
    unfinished = set(workflow.dag.needrun_jobs())
    failed = {job for unit in workflow.scheduler.failed for job in (unit.jobs if unit.is_group() else [unit])}
    found = {}

    def reason(job):
        """The failed job, itself or one that it waited for; of a failed group, the one whose log says why."""
        if job not in found:
            told = [reason(other) for other in workflow.dag.dependencies[job] if other in unfinished]
            if job in failed:
                told.append(failures.Failure.read(job.rule.name, job.log, STARTED))
            found[job] = max(filter(None, told), key=lambda failure: failure.is_explained, default=None)
        return found[job]

    paths = {file: job for job in unfinished for file in job.output if file.startswith(f"{RUN}/records/")}
    return {path.removeprefix(f"{RUN}/"): str(why) for path, job in paths.items() if (why := reason(job))}


def report_what_is_there():
    """Make the partial report of a run that ended by itself with failed jobs, and say what is missing."""
    scheduler = workflow.scheduler
    wanted = next((job for job in workflow.dag.needrun_jobs() if job.rule.name == "render_report"), None)
    is_over = scheduler.failed and not scheduler.running and not scheduler._user_kill
    if not (wanted and is_over and any(Path(RUN).glob("records/accuracy/*.json"))):
        return
    has_environments = workflow.deployment_settings.deployment_method
    python = f"{wanted.conda_env.address}/bin/python" if has_environments else sys.executable
    line = [python, f"{COMMANDS[0]}/partial_report.py", RUN, *map(str, options("select", measuring.Selection))]
    reasons = json.dumps(reasons_of_failure())
    done = subprocess.run([*line, "--reasons", "/dev/stdin"], input=reasons, capture_output=True, text=True)
    logger.warning(done.stdout or f"What was measured could not be reported: {done.stderr}")


def report_after_failure():
    """Whatever goes wrong here must not hide what made the run fail."""
    try:
        report_what_is_there()
    except Exception as error:
        logger.warning(f"What was measured could not be reported: {error}")
