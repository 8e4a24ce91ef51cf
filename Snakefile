# From images and annotations to a report that says which model to ship. The rule files stand in the order of the data;
# rules/common.smk turns the configuration into lists of models, artifacts and measurements.
from snakemake.utils import min_version

min_version("9.0")

# A configuration given with --configfile stands for itself: what it leaves out takes the schema's default, not a value
# of another configuration.
if not workflow.configfiles:

    configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/requests.smk"
include: "rules/dataset.smk"
include: "rules/train.smk"
include: "rules/prune.smk"
include: "rules/rivals.smk"
include: "rules/studies.smk"
include: "rules/export.smk"
include: "rules/measure.smk"
include: "rules/report.smk"
include: "rules/after_failure.smk"


report: FRONT_CAPTION


localrules:
    all,
    models,
    artifacts,
    bundle,
    compare,
    fetch_weights,
    check_base_model,
    import_timings,
    gather_study,
    write_manifest,
    write_config,
    gather_records,
    select_models,
    draw_failures,
    plot_results,
    render_report,


onstart:
    refuse_missing_paths()
    interruption.end_with_all_jobs(workflow.scheduler)
    waking.rest_while_jobs_run(workflow.scheduler)
    submission.correct(workflow.scheduler._executor)


onerror:
    report_after_failure()


# Records are asked for too: one that is missing after a failed job would else not be made, where tables of an earlier run
# are there. By path, because where a rule's input names another rule, Snakemake hashes the whole list of records once for
# each record.
rule all:
    default_target: True
    input:
        in_run(EXPECTED.records),
        f"{RUN}/{contents.INDEX}",
        f"{RUN}/{contents.SELECTION}",
        f"{RUN}/{CONFIG_FILE}",
        COMPARISON,
    message:
        "Everything is there"


# Everything up to the fine-tuned models, with their accuracy.
rule models:
    input:
        in_run(EXPECTED.model_records + EXPECTED.seed_records),
    message:
        "All models are there"


# Everything up to the exported files, with their accuracy.
rule artifacts:
    input:
        in_run(EXPECTED.artifact_records),
    message:
        "All artifacts are there"


# A zip for each chosen file, for apps.
rule bundle:
    input:
        rules.make_bundles.output,
    message:
        "The chosen files are packed"


# This run beside another one, which `compare_with` names.
rule compare:
    input:
        comparison,
    message:
        "Both runs are compared"
