# What jobs ask for: rules take REQUESTS.minutes as their `runtime`, and REQUESTS.memory_mb.
from pinch.operations import requests, site, workload

# Jobs that share the memory of one machine wait for what they need. Where each is given its own, it is ended if it takes
# more.
ONE_MACHINE = "mem_mb" in workflow.global_resources


def cluster():
    """The site that this machine belongs to."""
    return site.read(site.path(Path(workflow.basedir)))


def earlier_jobs():
    """How long jobs took here. What a job may take was decided before it started, so the job itself need not know."""
    here = experience.Experience
    return here.read(Path("results"), on_slurm=not ONE_MACHINE) if workflow.is_main_process else here()


REQUESTS = requests.Requests(
    workload.Watched(config, Path(f"{RUN}/{record_paths.DATASET}"), SOURCES),
    cluster,
    earlier_jobs,
    memory=Path(workflow.basedir) / requests.MEMORY,
    margin=1 if ONE_MACHINE else requests.MARGIN,
)
