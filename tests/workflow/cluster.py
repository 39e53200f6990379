"""A real Slurm cluster of one node, this machine: munged, slurmctld and slurmd in a folder of their own.

Needs root, and Debian's packages `slurm-wlm` and `munge`; neither systemd, cgroups nor a database. Slurm's commands
look for their configuration in /etc/slurm, where links into the folder stand while the cluster runs.

    python -m tests.workflow.cluster FOLDER        start one by hand; it ends with Ctrl-C
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

CONFIGURATIONS = Path("/etc/slurm")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "sinfo")
START_UP = 30.0
"""Seconds that the node may take until it is idle; half a second is usual."""

_SLURM_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_min_interval=100000,bf_interval=1
AccountingStorageType=accounting_storage/none
# without cgroups a job's memory is sampled, every second, and the job killed that has more than it asked for
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
# who asks with squeue must be told of jobs that ended a while ago
MinJobAge=3600
ReturnToService=2
KillWait=2
MailProg=/bin/true
# twice as many processors as there are: one job starts Python and reads files while another one computes
SlurmdParameters=config_overrides
# a GPU to ask for: Slurm only counts it
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:1 State=UNKNOWN
PartitionName=test Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@dataclass(frozen=True)
class Job:
    """What `scontrol show job` says of a job, ended ones too: `comment` is Snakemake's rule and wildcards or group."""

    id: int
    comment: str
    state: str
    memory_mb: int
    cpus: int
    gpus: int


def missing() -> str:
    """Why no cluster can be started here; empty if one can."""
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    if absent:
        return f"no {', '.join(absent)}: apt-get install slurm-wlm munge"
    return "" if os.geteuid() == 0 else "a cluster on one machine is started by root only"


def jobs() -> list[Job]:
    """All jobs of the running cluster, in the order of their ids."""
    said = subprocess.run(["scontrol", "show", "job", "--oneliner"], capture_output=True, text=True, check=True).stdout
    found = []
    for line in said.splitlines():
        fields = dict(re.findall(r"(\w+)=(.*?)(?= [A-Z][\w:/]*=|$)", line))
        if "JobId" in fields:
            memory = re.search(r"mem=([\d.]+)([MG])", fields["TRES"])
            assert memory
            megabytes = round(float(memory[1]) * (1024 if memory[2] == "G" else 1))
            gpus = re.search(r"gpu:(\d+)", fields.get("TresPerJob", ""))
            comment, cpus = fields.get("Comment", "").strip(), int(fields["NumCPUs"])
            granted = megabytes, cpus, int(gpus[1]) if gpus else 0
            found.append(Job(int(fields["JobId"]), comment, fields["JobState"], *granted))
    return sorted(found, key=lambda job: job.id)


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """Start the three daemons and wait for the node; at the end stop them and put the old configuration back.

    Raises RuntimeError with the daemons' logs if the node does not get ready.
    """
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    configuration = folder / "slurm.conf"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 - 1
    controller_port, node_port = _free_ports()
    configuration.write_text(
        _SLURM_CONF.format(
            host=socket.gethostname(),
            folder=folder,
            cpus=2 * len(os.sched_getaffinity(0)),
            memory=memory,
            controller_port=controller_port,
            node_port=node_port,
        )
    )
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    munged = ["munged", "-F", "--num-threads=2"]
    munged += [
        f"--{name}={folder}/munge.{name.split('-')[0]}" for name in ("socket", "pid-file", "seed-file", "log-file")
    ]
    daemons: list[subprocess.Popen[bytes]] = []
    gres = folder / "gres.conf"
    gres.write_text(f"NodeName={socket.gethostname()} Name=gpu File=/dev/null\n")
    with _configured(configuration, gres):
        try:
            commands = ([*munged, f"--key-file={key}"], ["slurmctld", "-D"], ["slurmd", "-D"])
            daemons.extend(_start(command, folder) for command in commands)
            _wait_until_idle(folder, daemons)
            yield
        finally:
            _cancel_all()
            for daemon in reversed(daemons):
                daemon.send_signal(signal.SIGTERM)
                try:
                    daemon.wait(20)
                except subprocess.TimeoutExpired:
                    daemon.kill()
                    daemon.wait()


def _start(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / f"{command[0]}.out").open("wb") as out:
        return subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=folder)


def _wait_until_idle(folder: Path, daemons: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + START_UP
    while True:
        said = subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True, check=False).stdout
        if said.strip() == "idle":
            return
        if time.monotonic() > deadline or any(daemon.poll() is not None for daemon in daemons):
            logs = "\n".join(path.read_text(errors="replace") for path in sorted(folder.glob("*.out")))
            raise RuntimeError(f"Slurm did not get ready, sinfo says {said.strip()!r}:\n{logs}")
        time.sleep(0.1)


def _cancel_all() -> None:
    """End what still runs: jobs outlive the daemons."""
    subprocess.run(["scancel", "--user", "root"], capture_output=True, check=False)
    deadline = time.monotonic() + START_UP
    while subprocess.run(["squeue", "-h"], capture_output=True, text=True, check=False).stdout.strip():
        if time.monotonic() > deadline:
            return
        time.sleep(0.2)


@contextmanager
def _configured(*configurations: Path) -> Iterator[None]:
    """Let links in /etc/slurm lead to these files; what was there comes back."""
    CONFIGURATIONS.mkdir(parents=True, exist_ok=True)
    with ExitStack() as undo:
        for configuration in configurations:
            link = CONFIGURATIONS / configuration.name
            kept = link.with_name(f"{link.name}.kept")
            if kept.exists() or kept.is_symlink():
                raise RuntimeError(f"{kept}: another test cluster runs, or one was killed; if so, move the file back")
            if link.exists() or link.is_symlink():
                link.rename(kept)
                undo.callback(kept.rename, link)
            link.symlink_to(configuration)
            undo.callback(link.unlink)
        yield


def _free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    with running(Path(sys.argv[1]).resolve()), suppress(KeyboardInterrupt):
        print("the node is idle; Ctrl-C ends the cluster", flush=True)
        signal.pause()
