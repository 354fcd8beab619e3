"""A real SLURM on one machine, without systemd: several nodes, munge, accounting; as root, on the loopback only.

python tests/support/slurm_cluster.py install
python tests/support/slurm_cluster.py up FOLDER [--nodes 3] [--no-accounting] [--no-default-conf]
python tests/support/slurm_cluster.py down FOLDER

Everything lies in FOLDER but the link /etc/slurm/slurm.conf, which is made only where no such file is there. A machine
that belongs to a real cluster is refused.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

PACKAGES = ("slurm-wlm", "slurm-client", "slurmdbd", "mariadb-server", "munge")
PROGRAMS = ("slurmctld", "slurmd", "slurmdbd", "munged", "mariadbd", "sbatch", "sacct")
DEFAULT_CONF = Path("/etc/slurm/slurm.conf")
MEMORY_CGROUP = Path("/sys/fs/cgroup/memory")
CONTROLLER_PORT, ACCOUNTING_PORT, DATABASE_PORT, FIRST_NODE_PORT = 16817, 16819, 13306, 17001

CONF = """\
ClusterName=braintwin
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CryptoType=crypto/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdPidFile={folder}/run/slurmd.%n.pid
SlurmdLogFile={folder}/log/slurmd.%n.log
SlurmdSpoolDir={folder}/spool/%n
ProctrackType=proctrack/linuxproc
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=500
SchedulerParameters=sched_min_interval=200000,bf_interval=2,batch_sched_delay=0
SlurmdTimeout={node_timeout}
SlurmctldTimeout=20
InactiveLimit=0
KillWait=5
MinJobAge={min_job_age}
Waittime=0
SlurmdParameters=config_overrides
{memory}
{accounting}
{nodes}
PartitionName=main Nodes=n[1-{count}] Default=YES MaxTime=02:00:00 State=UP
"""
ACCOUNTING = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={accounting_port}
AccountingStoragePass={folder}/munge/socket"""
DATABASE_CONF = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CommunicationParameters=NoInAddrAny
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort={accounting_port}
SlurmUser=root
PidFile={folder}/run/slurmdbd.pid
LogFile={folder}/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database_port}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
"""
CGROUP_CONF = """\
CgroupPlugin=cgroup/v1
CgroupMountpoint=/sys/fs/cgroup
CgroupAutomount=no
ConstrainRAMSpace=yes
ConstrainSwapSpace=no
"""


def installed() -> bool:
    """Tell whether all programs are there."""
    return all(shutil.which(program) for program in PROGRAMS)


def install() -> None:
    """Install the packages, without letting their own daemons start."""
    if installed():
        return
    guard = Path("/usr/sbin/policy-rc.d")
    ours = not guard.exists()
    if ours:
        guard.write_text("#!/bin/sh\nexit 101\n")
        guard.chmod(0o755)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(["apt-get", "update", "-qq"], check=True, env=quiet)
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES]
        subprocess.run(command, check=True, env=quiet, stdout=subprocess.DEVNULL)
    finally:
        if ours:
            guard.unlink()


def until(ready: Callable[[], bool], what: str, timeout: float = 60.0) -> None:
    """Wait for something, or say what did not happen."""
    deadline = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > deadline:
            message = f"not within {timeout:.0f} s: {what}"
            raise TimeoutError(message)
        time.sleep(0.1)


class Cluster:
    """One cluster in one folder."""

    def __init__(
        self,
        folder: Path,
        *,
        nodes: int = 3,
        accounting: bool = True,
        default_conf: bool = True,
        min_job_age: int = 300,
    ) -> None:
        self.folder = folder
        self.nodes = [f"n{i + 1}" for i in range(nodes)]
        self.accounting = accounting
        self.default_conf = default_conf
        self.min_job_age = min_job_age
        self.conf = folder / "etc" / "slurm.conf"

    @property
    def environment(self) -> dict[str, str]:
        """Return what a user of this cluster has in the environment."""
        return {**os.environ, "SLURM_CONF": str(self.conf)}

    def call(self, *command: str, check: bool = True, env: dict[str, str] | None = None) -> str:
        """Run a command of this cluster and return what it printed."""
        done = subprocess.run(
            command,
            env=env or self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if check and done.returncode:
            message = f"{' '.join(command)}: exit code {done.returncode}: {done.stdout}"
            raise RuntimeError(message)
        return done.stdout

    def _answers(self, *command: str) -> bool:
        return subprocess.run(command, env=self.environment, capture_output=True, check=False).returncode == 0

    def up(self) -> "Cluster":
        """Start everything and wait until all nodes are idle."""
        if DEFAULT_CONF.exists() and not DEFAULT_CONF.is_symlink():
            message = f"{DEFAULT_CONF} is there: this machine belongs to a real cluster"
            raise RuntimeError(message)
        for part in ("munge", "run", "log", "state", "etc", "spool"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        self._configure()
        self._start_munge()
        if self.accounting:
            self._start_accounting()
        self.start_controller(clean=True)
        for node in self.nodes:
            (self.folder / "spool" / node).mkdir(exist_ok=True)
            self.start_node(node)
        until(lambda: self.states() == dict.fromkeys(self.nodes, "idle"), "all nodes idle")
        return self

    def _configure(self) -> None:
        host = os.uname().nodename.split(".")[0]
        ports = {
            "controller_port": CONTROLLER_PORT,
            "accounting_port": ACCOUNTING_PORT,
            "database_port": DATABASE_PORT,
        }
        common = {"folder": self.folder, "host": host, **ports}
        constrained = os.access(MEMORY_CGROUP, os.W_OK)
        lines = [
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={FIRST_NODE_PORT + i} "
            "CPUs=2 RealMemory=6000 State=UNKNOWN"
            for i, node in enumerate(self.nodes)
        ]
        self.conf.write_text(
            CONF.format(
                **common,
                min_job_age=self.min_job_age,
                node_timeout=20,
                memory="TaskPlugin=task/cgroup"
                if constrained
                else "TaskPlugin=task/none\nJobAcctGatherParams=OverMemoryKill",
                accounting=ACCOUNTING.format(**common)
                if self.accounting
                else "AccountingStorageType=accounting_storage/none",
                nodes="\n".join(lines),
                count=len(self.nodes),
            )
        )
        (self.conf.parent / "cgroup.conf").write_text(CGROUP_CONF if constrained else "CgroupAutomount=no\n")
        database = self.conf.parent / "slurmdbd.conf"
        database.write_text(DATABASE_CONF.format(**common))
        database.chmod(0o600)
        if self.default_conf:
            DEFAULT_CONF.parent.mkdir(exist_ok=True)
            DEFAULT_CONF.unlink(missing_ok=True)
            DEFAULT_CONF.symlink_to(self.conf)

    def _start_munge(self) -> None:
        home = self.folder / "munge"
        key = home / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        for path in (home, key):
            shutil.chown(path, "munge", "munge")
        home.chmod(0o711)
        files = {"key-file": key, "socket": home / "socket", "pid-file": home / "pid", "log-file": home / "log"}
        flags = [f"--{name}={path}" for name, path in {**files, "seed-file": home / "seed"}.items()]
        self.call("runuser", "-u", "munge", "--", "munged", "--force", *flags)

    def _start_accounting(self) -> None:
        data = self.folder / "database"
        data.mkdir(exist_ok=True)
        shutil.chown(data, "mysql", "mysql")
        common = ["--no-defaults", "--user=mysql", f"--datadir={data}"]
        self.call("mariadb-install-db", *common, "--auth-root-authentication-method=normal", "--skip-test-db")
        socket = data / "socket"
        settings = [
            "--bind-address=127.0.0.1",
            f"--port={DATABASE_PORT}",
            f"--socket={socket}",
            f"--pid-file={data}/pid",
        ]
        tuning = [
            "--innodb-buffer-pool-size=64M",
            "--innodb-lock-wait-timeout=900",
            "--innodb-flush-log-at-trx-commit=0",
        ]
        with (self.folder / "log" / "mariadb.log").open("w") as log:
            subprocess.Popen(["mariadbd", *common, *settings, *tuning], stdout=log, stderr=log, start_new_session=True)
        client = ["--no-defaults", f"--socket={socket}"]
        until(lambda: self._answers("mariadb-admin", *client, "ping"), "the database answers")
        users = [f"slurm@'{where}'" for where in ("127.0.0.1", "localhost")]
        make = "create database slurm_acct_db;" + "".join(
            f"create user {user} identified by 'slurm'; grant all on slurm_acct_db.* to {user};" for user in users
        )
        self.call("mariadb", *client, "-e", make)
        self.call("slurmdbd")
        until(lambda: self._answers("sacctmgr", "-n", "list", "cluster"), "the accounting answers")
        for what in (["cluster", "braintwin"], ["account", "lab"], ["user", "root", "Account=lab"]):
            self.call("sacctmgr", "-i", "add", *what)

    def start_controller(self, *, clean: bool = False) -> None:
        """Start slurmctld; `clean` forgets all jobs."""
        self.call("slurmctld", *(["-c"] if clean else []))
        until(lambda: self._answers("scontrol", "ping"), "the controller answers")

    def restart_controller(self) -> None:
        """Kill slurmctld with SIGKILL and start it again from its saved state."""
        _end(self.folder / "run" / "slurmctld.pid", signal.SIGKILL)
        self.start_controller()

    def start_node(self, node: str) -> None:
        """Start a node's slurmd."""
        self.call("slurmd", "-N", node)

    def kill_node(self, node: str) -> None:
        """Let a node crash: its slurmd and every process of its jobs end at once, and nobody is told."""
        _end(self.folder / "run" / f"slurmd.{node}.pid", signal.SIGKILL)
        # The steps' managers first, whose word on a job's end would count; again until nothing starts any more
        while victims := [*self._step_managers(node), *_processes_of_jobs(node)]:
            for process in victims:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(victims, timeout=5)

    def _step_managers(self, node: str) -> list[psutil.Process]:
        """Return the slurmstepd of a node: they keep its log open, from before their job's first process on."""
        log = str(self.folder / "log" / f"slurmd.{node}.log")
        found = []
        for process in psutil.process_iter(["name"]):
            with suppress(psutil.Error, OSError):
                if process.info["name"].startswith("slurmstepd") and any(f.path == log for f in process.open_files()):
                    found.append(process)
        return found

    def states(self) -> dict[str, str]:
        """Return each node's state."""
        lines = self.call("sinfo", "-h", "-N", "-p", "main", "-o", "%N %T", check=False).splitlines()
        return {line.split()[0]: line.split()[1] for line in lines if len(line.split()) == 2}

    def down(self) -> None:
        """Stop what this folder's pid files name, and nothing else."""
        if self.conf.is_file():
            self.call("scancel", "--user=root", "--full", check=False)
        run = self.folder / "run"
        nodes = sorted(run.glob("slurmd.*.pid"))
        others = [run / "slurmctld.pid", run / "slurmdbd.pid", self.folder / "database/pid", self.folder / "munge/pid"]
        for path in [*nodes, *others]:
            _end(path, signal.SIGTERM)
        for group in Path("/sys/fs/cgroup").glob("*/slurm_n*"):
            for path in sorted([group, *group.rglob("*")], reverse=True):
                with suppress(OSError):
                    path.rmdir()
        if DEFAULT_CONF.is_symlink() and DEFAULT_CONF.readlink() == self.conf:
            DEFAULT_CONF.unlink()


def _processes_of_jobs(node: str) -> list[psutil.Process]:
    """Return the processes that a node's jobs have started."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get("SLURMD_NODENAME") == node:
                found.append(process)
    return found


def _end(pid_file: Path, how: signal.Signals) -> None:
    """End the process that a pid file names, and wait until it is gone."""
    if not pid_file.is_file() or not pid_file.read_text().strip():
        return
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(int(pid_file.read_text()))
        process.send_signal(how)
        with suppress(psutil.TimeoutExpired):
            process.wait(10)
            return
        process.kill()


def main(arguments: Sequence[str]) -> int:
    """Install, start or stop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("install", "up", "down"))
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--no-accounting", action="store_true")
    parser.add_argument("--no-default-conf", action="store_true")
    given = parser.parse_args(arguments)
    install()
    if given.what == "install":
        return 0
    if given.folder is None:
        parser.error("name a folder")
    folder = given.folder.resolve()
    cluster = Cluster(
        folder, nodes=given.nodes, accounting=not given.no_accounting, default_conf=not given.no_default_conf
    )
    if given.what == "up":
        cluster.up()
        sys.stdout.write(f"export SLURM_CONF={cluster.conf}\n")
    else:
        cluster.down()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
