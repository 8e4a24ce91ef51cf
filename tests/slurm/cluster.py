#!/usr/bin/env python3
"""A real Slurm on this machine, for tests: scheduler, accounting, nodes, and GPUs that only the scheduler believes in.

    tests/slurm/cluster.py install       Debian's packages, if they are missing (as root)
    tests/slurm/cluster.py up FOLDER     start everything in FOLDER; after `. FOLDER/env`, sbatch, sacct, ... use it
    tests/slurm/cluster.py down FOLDER   end what `up` started, and nothing else

Every daemon has its own folder, port and socket, so that another Slurm on the machine, or a second one of these, is not
touched. A node is a `slurmd` with made-up processors and memory. Its GPUs are links to /dev/null, since Slurm only asks
whether a device is there: jobs are given GPUs, see them in CUDA_VISIBLE_DEVICES and have them in the accounting.
"""

import argparse
import contextlib
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

PACKAGES = ["slurm-wlm", "slurmdbd", "munge", "mariadb-server"]
PROGRAMS = ["munged", "mariadbd", "mariadb-install-db", "slurmdbd", "slurmctld", "slurmd", "sacctmgr", "sbatch"]
ACCOUNT = "gestures"
# Where Debian keeps daemons, which is not on every user's PATH.
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Nodes:
    """Nodes of one partition: their names, what each has (memory in MB), and how many minutes a job may take."""

    partition: str
    count: int
    cpus: int
    memory: int = 64000
    gpus: int = 0
    minutes: int = 1440

    @property
    def names(self) -> list[str]:
        return [f"{self.partition}{number}" for number in range(1, self.count + 1)]


# Two nodes with two GPUs each, and two without.
DEFAULT = (Nodes("gpu", 2, cpus=32, gpus=2), Nodes("cpu", 2, cpus=16))


def missing() -> list[str]:
    """The programs of a Slurm that this machine lacks."""
    return [program for program in PROGRAMS if shutil.which(program, path=PATH) is None]


def install() -> None:
    """Install Debian's packages where they are missing. Debian's own services are not started."""
    if not (names := missing()):
        return
    if os.geteuid() or shutil.which("apt-get") is None:
        raise SystemExit(f"{', '.join(names)} not found: install {' '.join(PACKAGES)} as root on a Debian or Ubuntu")
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-q"], check=True, env=environment)
        subprocess.run(["apt-get", "install", "-qy", "--no-install-recommends", *PACKAGES], check=True, env=environment)
    finally:
        if ours:
            policy.unlink()


@dataclass
class Cluster:
    """A Slurm that lives in `folder`."""

    folder: Path
    nodes: tuple[Nodes, ...] = DEFAULT
    # Some sites have none.
    accounting: bool = True
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """What makes Slurm's commands talk to this cluster and no other."""
        others = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM_", "SBATCH_"))}
        return {**others, "SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": f"{self.folder}/bin:{PATH}"}

    def up(self) -> None:
        """Start everything, in the order in which one needs the other; take it down again if that fails."""
        if names := missing():
            raise SystemExit(f"{', '.join(names)} not found: run `tests/slurm/cluster.py install` as root")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        names = [name for group in self.nodes for name in group.names]
        self.ports = dict(zip(["mariadb", "slurmdbd", "slurmctld", *names], _free_ports(len(names) + 3), strict=True))
        self._configure()
        try:
            self._start_munge()
            if self.accounting:
                self._start_database()
                self._start("slurmdbd", ["slurmdbd", "-D"])
                _wait("slurmdbd", lambda: bool(self.run("sacctmgr", "-n", "list", "qos")))
                self._add_accounts()
            self._start("slurmctld", ["slurmctld", "-D", "-c"])
            for name in names:
                self._start(name, ["slurmd", "-D", "-N", name])
            _wait("the nodes", lambda: self.states() == dict.fromkeys(names, "idle"))
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """End what `up` started, the last first, and the jobs that still run."""
        if any(self.folder.glob("pids/*-slurmctld")):
            with contextlib.suppress(RuntimeError):
                self.run("scancel", "--me")
                _wait("the end of all jobs", lambda: not self.run("squeue", "-h"), seconds=20)
        for file in sorted(self.folder.glob("pids/*"), reverse=True):
            pid = int(file.read_text())
            if _is_alive(pid):
                os.kill(pid, signal.SIGTERM)
            for _ in range(100):
                if not _is_alive(pid):
                    break
                time.sleep(0.1)
            else:
                os.kill(pid, signal.SIGKILL)
            file.unlink()
        for pid in self._left_behind():
            os.kill(pid, signal.SIGKILL)

    def _left_behind(self) -> list[int]:
        """Processes of jobs that outlived their node, by the cluster's PATH and the job's number.

        Whoever has read the file `env`, as the user's own shell, has that PATH too, but no number.
        """
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                variables = (path / "environ").read_bytes()
                if f"PATH={self.folder}/bin:".encode() in variables and b"SLURM_JOB_ID=" in variables:
                    found.append(int(path.name))
        return found

    def run(self, *command: str) -> str:
        """What a command of Slurm prints.

        Raises:
            RuntimeError: it failed, with what it wrote.
        """
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def states(self) -> dict[str, str]:
        """The state of every node."""
        return dict(line.split() for line in self.run("sinfo", "-hN", "-o", "%N %T").splitlines())

    def _configure(self) -> None:
        user, host = getpass.getuser(), socket.gethostname()
        for name in ("bin", "state", "spool", "run", "logs", "pids", "gpus", "munge"):
            (self.folder / name).mkdir(exist_ok=True)
        lines, gres = [], []
        for group in self.nodes:
            for name in group.names:
                gpus = [self.folder / f"gpus/{name}_{index}" for index in range(group.gpus)]
                for device in gpus:
                    device.unlink(missing_ok=True)
                    device.symlink_to("/dev/null")
                gres += [f"NodeName={name} Name=gpu File={device}" for device in gpus]
                resources = f"CPUs={group.cpus} RealMemory={group.memory}"
                resources += f" Gres=gpu:{group.gpus}" if group.gpus else ""
                lines.append(
                    f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={self.ports[name]} {resources}"
                )
        for position, group in enumerate(self.nodes):
            default = "YES" if position == len(self.nodes) - 1 else "NO"
            partition = f"PartitionName={group.partition} Nodes={','.join(group.names)}"
            lines.append(f"{partition} Default={default} MaxTime={group.minutes}")
        (self.folder / "gres.conf").write_text("\n".join(gres) + "\n")
        database = self.folder / "slurmdbd.conf"
        database.write_text(_SLURMDBD.format(folder=self.folder, user=user, **self.ports))
        database.chmod(0o600)
        general = _SLURM + (_ACCOUNTING if self.accounting else _NO_ACCOUNTING)
        general = general.format(folder=self.folder, user=user, host=host, **self.ports)
        (self.folder / "slurm.conf").write_text(general + "\n".join(lines) + "\n")
        # Snakemake's executor starts srun without SLURM_CONF, which it takes for a setting of the job.
        srun = self.folder / "bin/srun"
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {shutil.which("srun", path=PATH)} "$@"\n')
        srun.chmod(0o755)
        exports = "".join(f"export {name}={self.environment[name]}\n" for name in ("SLURM_CONF", "PATH"))
        (self.folder / "env").write_text(exports)

    def _start_munge(self) -> None:
        folder = self.folder / "munge"
        key = folder / "key"
        if not key.exists():
            key.write_bytes(secrets.token_bytes(1024))
            key.chmod(0o400)
        names = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        options = [f"--{option}={folder / name}" for option, name in names.items()]
        self._start("munged", ["munged", "--foreground", "--force", *options])
        _wait("munged", lambda: (folder / "socket").exists())

    def _start_database(self) -> None:
        folder = self.folder / "database"
        user, common = getpass.getuser(), ["--no-defaults", f"--datadir={folder}"]
        common += [f"--user={user}"] if user == "root" else []
        if not folder.exists():
            install = ["mariadb-install-db", *common, "--auth-root-authentication-method=normal", "--skip-test-db"]
            subprocess.run(install, env=self.environment, check=True, capture_output=True)
        options = ["--bind-address=127.0.0.1", f"--port={self.ports['mariadb']}", f"--socket={folder}/socket"]
        options += [f"--pid-file={folder}/pid", "--innodb-buffer-pool-size=64M"]
        self._start("mariadb", ["mariadbd", *common, *options])
        client = ["mariadb", "--no-defaults", f"--socket={folder}/socket", "--user=root"]
        _wait("mariadbd", lambda: bool(self.run(*client, "-e", "SELECT 1")))
        rights = "GRANT ALL ON slurm_acct_db.* TO 'slurm'@'127.0.0.1' IDENTIFIED BY 'tests'"
        subprocess.run([*client, "-e", rights], env=self.environment, check=True)

    def _add_accounts(self) -> None:
        for entry in (
            ["cluster", "pinch"],
            ["account", ACCOUNT, "Cluster=pinch"],
            ["user", getpass.getuser(), f"Account={ACCOUNT}", "AdminLevel=Administrator"],
        ):
            subprocess.run(["sacctmgr", "-i", "add", *entry], env=self.environment, capture_output=True)

    def _start(self, name: str, command: list[str]) -> None:
        """Start a daemon in a session of its own and note its process."""
        with open(self.folder / f"logs/{name}.log", "ab") as log:
            process = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        order = len(list(self.folder.glob("pids/*")))
        (self.folder / f"pids/{order:02}-{name}").write_text(str(process.pid))
        time.sleep(0.1)
        if process.poll() is not None:
            log_file = self.folder / f"logs/{name}.log"
            raise RuntimeError(f"{name} ended at once; {log_file} says: {log_file.read_text()[-1000:]}")


def _wait(what: str, ready: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until `ready()` is true; that it fails is a reason to ask again."""
    deadline, reason = time.monotonic() + seconds, "not ready"
    while time.monotonic() < deadline:
        try:
            if ready():
                return
        except RuntimeError as error:
            reason = str(error)
        time.sleep(0.2)
    raise RuntimeError(f"{what} did not come up within {seconds:.0f} s ({reason})")


def _free_ports(count: int) -> list[int]:
    holders = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [holder.getsockname()[1] for holder in holders]
    for holder in holders:
        holder.close()
    return ports


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


_SLURMDBD = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={slurmdbd}
SlurmUser={user}
LogFile={folder}/logs/slurmdbd.log
PidFile={folder}/run/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={mariadb}
StorageUser=slurm
StoragePass=tests
StorageLoc=slurm_acct_db
"""

_SLURM = """\
ClusterName=pinch
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={slurmctld}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
# Requeued jobs wait until their old credentials have expired.
AuthInfo=socket={folder}/munge/socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/%n.pid
SlurmctldLogFile={folder}/logs/slurmctld.log
SlurmdLogFile={folder}/logs/%n.log
# Nodes may say that they have more than the machine.
SlurmdParameters=config_overrides
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_min_interval=100000
GresTypes=gpu
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=5
# In place of control groups, which a container lacks.
JobAcctGatherParams=OverMemoryKill
# Faults are to be noticed within seconds.
SlurmdTimeout=10
SlurmctldTimeout=10
KillWait=5
InactiveLimit=0
MinJobAge=300
ReturnToService=1
"""

_ACCOUNTING = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort={slurmdbd}
# Towards the accounting daemon, the password is the way to munge.
AccountingStoragePass={folder}/munge/socket
AccountingStorageTRES=gres/gpu
AccountingStorageEnforce=associations
# Snakemake writes the rule into a job's comment.
AccountingStoreFlags=job_comment
"""

_NO_ACCOUNTING = """\
AccountingStorageType=accounting_storage/none
"""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="install Debian's packages if they are missing")
    for name in ("up", "down"):
        commands.add_parser(name).add_argument("folder", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "install":
        install()
        return
    cluster = Cluster(arguments.folder.absolute())
    if arguments.command == "down":
        cluster.down()
        return
    cluster.up()
    print(f"up: . {cluster.folder}/env")


if __name__ == "__main__":
    sys.exit(main())
