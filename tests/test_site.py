"""site.yaml: what it may say, and how it is filled in from what `sinfo` prints at different sites."""

import os
import re
import subprocess
import sys

import pytest
import yaml
from conftest import ROOT, SCRIPTS

from pinch.core.errors import PinchError
from pinch.operations import sinfo, site, slurm

SHIPPED = ROOT / "profiles/slurm/site.yaml"
# A university cluster: a short partition by default, mixed nodes, several types of GPUs, one partition that is down.
UNIVERSITY = """\
short*|up|30:00|4|16|64000|(null)
compute|up|3-00:00:00|120|64|250000|(null)
compute|up|3-00:00:00|4|64|2000000|(null)
gpu|up|2-00:00:00|10|64|500000|gpu:a100:4(S:0-1)
gpu|up|2-00:00:00|2|32|190000|gpu:v100:2(S:0),gpu:t4:1(S:1)
gpu|up|2-00:00:00|1|32|190000|(null)
gpu-test|up|1:00:00|1|16|128000|gpu:a100:1
old|down|infinite|20|8|16000|gpu:k80:8
"""
# One partition for everything, no limit, GPUs without a type, and a site that never told Slurm its memory.
LABORATORY = """\
all*|up|infinite|2|32|1|gpu:8
all*|up|infinite|6|32|1|(null)
"""
NO_GPUS = "batch*|up|12:00:00|50|48+|192000+|(null)\nlong|up|7-00:00:00|10|48|192000|craynetwork:4\n"
MIG = "dgx*|up|1-12:00:00|1|256|1031000|gpu:nvidia_a100-sxm4-80gb:6(S:1-7),gpu:1g.10gb:14(S:0)\n"


def test_several_partitions_with_mixed_nodes():
    proposed = sinfo.propose(sinfo.partitions(UNIVERSITY))
    assert proposed == {
        "cpu_partition": "compute",
        "cpu_minutes": 3 * 1440,
        "cpu_cores": 64,
        "cpu_memory_mb": 2000000,
        "gpu_partition": "gpu",
        "gpu_minutes": 2 * 1440,
        # Those of the nodes that have the chosen type.
        "gpu_cores": 64,
        "gpu_memory_mb": 500000,
        "gpu_type": "a100",
    }


def test_limits_that_a_site_does_not_have_or_does_not_tell_are_null():
    proposed = sinfo.propose(sinfo.partitions(LABORATORY))
    assert (proposed["cpu_partition"], proposed["gpu_partition"]) == ("all", "all")
    assert proposed["gpu_type"] is None
    assert [proposed[f"{kind}_{what}"] for kind in ("cpu", "gpu") for what in ("minutes", "memory_mb")] == [None] * 4


def test_a_site_without_gpus():
    proposed = sinfo.propose(sinfo.partitions(NO_GPUS))
    assert proposed["cpu_partition"] == proposed["gpu_partition"] == "long"
    assert (proposed["cpu_minutes"], proposed["cpu_cores"], proposed["gpu_type"]) == (7 * 1440, 48, None)


def test_only_types_that_can_be_asked_for_are_chosen():
    found = sinfo.partitions(MIG)
    assert found[0].kinds[0].gpus == {"nvidia_a100-sxm4-80gb": 6, "1g.10gb": 14}
    assert sinfo.propose(found)["gpu_type"] == "1g.10gb"
    assert found[0].minutes == 1440 + 12 * 60


@pytest.mark.parametrize("text", ["", "old|down|infinite|20|8|16000|gpu:8\n", "slurm_load_partitions: error\n"])
def test_output_that_describes_no_nodes_is_refused(text):
    with pytest.raises(PinchError, match="sinfo"):
        sinfo.partitions(text)


def test_what_is_filled_in_is_read_back_and_everything_else_stays():
    values = sinfo.propose(sinfo.partitions(UNIVERSITY))
    text = SHIPPED.read_text().replace("account: null", "account: mine")
    filled = sinfo.filled_in(text, values)
    assert yaml.safe_load(filled) == yaml.safe_load(text) | values
    assert [line for line in filled.splitlines() if line.startswith("#")] == [
        line for line in text.splitlines() if line.startswith("#")
    ]


@pytest.mark.fault
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"cpu_memory": 5}, "unknown key 'cpu_memory'"),
        ({"cpu_cores": "many"}, "its cpu_cores is of another type"),
        ({"gpu_minutes": 0}, "gpu_minutes is 0, but must be at least 1, or null for no limit"),
        ({"gpu_partition": None}, "its gpu_partition is of another type"),
    ],
)
def test_wrong_site_files_get_one_sentence(tmp_path, change, sentence):
    wrong = tmp_path / "site.yaml"
    wrong.write_text(yaml.safe_dump(yaml.safe_load(SHIPPED.read_text()) | change))
    with pytest.raises(PinchError, match=sentence):
        site.read(wrong)


def test_a_missing_site_file_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv(site.VARIABLE, str(tmp_path / "none.yaml"))
    with pytest.raises(PinchError, match=r"none\.yaml does not exist"):
        site.read()


@pytest.mark.fault
def test_without_slurm_the_site_command_says_so(tmp_path):
    line = [sys.executable, str(SCRIPTS / "describe_site.py"), "--site", str(SHIPPED)]
    done = subprocess.run(line, capture_output=True, text=True, env=os.environ | {"PATH": str(tmp_path)})
    assert done.returncode == 1
    assert "there is no sinfo here, as there is on a login node of a cluster" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.fault
@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("PartitionTimeLimit", "it can never start: in .*, it asks for more time than is allowed"),
        ("QOSMaxWallDurationPerJobLimit", "it can never start: in .* lower cpu_minutes or gpu_minutes"),
        ("BadConstraints", "it can never start: in .*, no node of the partition has what it asks for"),
        ("PartitionConfig", "it can never start: in .*, no node of the partition has what it asks for"),
        ("QOSMaxGRESPerJob", "lower cores, memory or base_gpus"),
        ("AssocGrpCPUMinutesLimit", "the account's budget is used up"),
        ("InvalidQOS", "correct account"),
        ("PartitionInactive", "it is closed: choose another cpu_partition"),
        ("JobHeldUser", "it is held: `scontrol release 7`"),
        ("launch failed requeued held", "it is held: `scontrol release 7`"),
        ("ReqNodeNotAvail, UnavailableNodes:gpu[1-2]", "its nodes are down or reserved: `sinfo -R`"),
    ],
)
def test_reasons_to_wait_that_do_not_pass_come_with_advice(reason, advice):
    assert re.match(f".*{advice}", slurm.PendingJob("7", "train_base", reason).advice)


@pytest.mark.parametrize(
    "reason", ["Priority", "Resources", "None", "AssocGrpCPURunMinutesLimit", "QOSMaxJobsPerUserLimit"]
)
def test_reasons_that_pass_need_patience_only(reason):
    assert slurm.PendingJob("7", "train_base", reason).advice is None


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        (
            "sbatch: error: Batch job submission failed: Requested node configuration is not available",
            "describe_site.py",
        ),
        ("sbatch: error: Memory specification can not be satisfied", "describe_site.py"),
        (
            "Batch job submission failed: Requested time limit is invalid (missing or exceeds some limit)",
            "cpu_minutes",
        ),
        ("Batch job submission failed: Invalid account or account/partition combination specified", "correct account"),
        ("sbatch: error: Batch job submission failed: Invalid feature specification", "cpu_options"),
    ],
)
def test_refusals_for_good_name_what_to_change(message, advice):
    assert advice in slurm.refusal_advice(message)


@pytest.mark.parametrize(
    "message",
    [
        "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
        "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
        "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
    ],
)
def test_other_refusals_may_pass(message):
    assert slurm.refusal_advice(message) is None
