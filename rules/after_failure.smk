# What is done at the end of a run in which jobs failed.
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
    is_over = scheduler.failed and not scheduler.running
    if not (wanted and is_over and any(Path(RUN).glob("records/accuracy/*.json"))):
        return
    has_environments = workflow.deployment_settings.deployment_method
    python = f"{wanted.conda_env.address}/bin/python" if has_environments else sys.executable
    line = [python, f"{COMMANDS[0]}/partial_report.py", RUN, *wants.arguments(WANTS)]
    reasons = json.dumps(reasons_of_failure())
    done = subprocess.run([*line, "--reasons"], input=reasons, capture_output=True, text=True)
    logger.warning(done.stdout or f"What was measured could not be reported: {done.stderr}")


def report_after_failure():
    """Whatever goes wrong here must not hide what made the run fail."""
    try:
        report_what_is_there()
    except Exception as error:
        logger.warning(f"What was measured could not be reported: {error}")
