"""A private Slurm cluster of two nodes on this host: munged, slurmctld and two slurmd on loopback, gone again afterwards."""
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "runuser")


def missing():
    """Why no cluster can be started here, or nothing."""
    absent = [program for program in PROGRAMS if shutil.which(program, path=path()) is None]
    if absent:
        return f"{', '.join(absent)} not installed"
    if os.geteuid() != 0:
        return "only root can start slurmd and munged"
    return ""


def path():
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Cluster:
    """Use as a context.  `environment` is what Slurm's commands need; jobs inherit it."""

    def __init__(self, cpus_per_node=4):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="vox_slurm_"))
        self.root.chmod(0o755)  # munged runs as another user
        self.daemons = []
        self.cpus_per_node = cpus_per_node
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith(("VOX_", "SLURM_"))}
        self.environment.update(PATH=path(), SLURM_CONF=str(self.root / "slurm.conf"))

    def __enter__(self):
        try:
            self.start_munge()
            self.start_slurm()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def daemon(self, name, *command):
        with open(self.root / f"{name}.out", "w") as log:
            self.daemons.append(subprocess.Popen([str(part) for part in command], env=self.environment, stdout=log, stderr=log))

    def start_munge(self):
        folder = self.root / "munge"
        folder.mkdir()
        (folder / "key").write_bytes(os.urandom(1024))
        (folder / "key").chmod(0o400)
        user = pwd.getpwnam("munge")
        for part in (folder, folder / "key"):
            os.chown(part, user.pw_uid, user.pw_gid)
        folder.chmod(0o755)
        self.daemon("munged", "runuser", "-u", "munge", "--", "munged", "--foreground", f"--key-file={folder}/key",
                    f"--socket={folder}/socket", f"--pid-file={folder}/pid", f"--log-file={folder}/log", f"--seed-file={folder}/seed")
        self.wait_until(lambda: (folder / "socket").exists(), 20, "munged does not answer")

    def start_slurm(self):
        control, first = free_ports(2)
        ports = f"[{first}-{first + 1}]"
        for folder in ("state", "spool.n1", "spool.n2", "tmp.n1", "tmp.n2"):
            (self.root / folder).mkdir()
        # %n in spool and temporary folders: the two PMIx servers would meet in one otherwise.
        (self.root / "slurm.conf").write_text(f"""
ClusterName=vox
SlurmctldHost={socket.gethostname()}(127.0.0.1)
SlurmctldPort={control}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={self.root}/munge/socket
CredType=cred/munge
StateSaveLocation={self.root}/state
SlurmctldPidFile={self.root}/slurmctld.pid
SlurmdPidFile={self.root}/slurmd.%n.pid
SlurmdSpoolDir={self.root}/spool.%n
TmpFS={self.root}/tmp.%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=pmix
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0
MinJobAge=600
KillWait=30
InactiveLimit=0
NodeName=n[1-2] NodeHostname={socket.gethostname()} NodeAddr=127.0.0.1 Port={ports} CPUs={self.cpus_per_node} RealMemory=4000 State=UNKNOWN
PartitionName=all Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
""")
        self.daemon("slurmctld", "slurmctld", "-D", "-i")
        for node in ("n1", "n2"):
            self.daemon(f"slurmd.{node}", "slurmd", "-D", "-N", node)
        self.wait_until(lambda: self.command("sinfo", "-h", "-o", "%t %D").strip() == "idle 2", 40, "the nodes do not come up")

    def wait_until(self, ready, seconds, what):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if ready():
                    return
            except subprocess.CalledProcessError:
                pass
            time.sleep(0.2)
        logs = "".join(f"--- {file.name}\n{file.read_text()[-1500:]}" for file in sorted(self.root.glob("*.out")))
        raise AssertionError(f"{what} within {seconds} s\n{logs}")

    def command(self, *words, folder=None):
        """Output of one of Slurm's commands."""
        return subprocess.run([str(word) for word in words], env=self.environment, cwd=folder, check=True, capture_output=True,
                              text=True, timeout=60).stdout

    def submit(self, *words, folder):
        """sbatch; the job's id."""
        return self.command("sbatch", "--parsable", *words, folder=folder).strip().split(";")[0]

    def field(self, job, name):
        """One field of scontrol show job: JobState, Restarts, ..."""
        for word in self.command("scontrol", "show", "job", job).split():
            if word.startswith(f"{name}="):
                return word.partition("=")[2]
        raise AssertionError(f"job {job} has no {name}")

    def wait_for(self, job, states, seconds):
        """Until the job is in one of these states; which it is."""
        self.wait_until(lambda: self.field(job, "JobState") in states, seconds, f"job {job} is not {' or '.join(states)}")
        return self.field(job, "JobState")

    def stop(self):
        for daemon in reversed(self.daemons):
            daemon.send_signal(signal.SIGTERM)
        for daemon in self.daemons:
            try:
                daemon.wait(timeout=10)
            except subprocess.TimeoutExpired:
                daemon.kill()
        self.kill_what_is_left()
        shutil.rmtree(self.root, ignore_errors=True)

    def kill_what_is_left(self):
        """Step daemons and jobs outlive slurmd; all of them inherited the name of this cluster's configuration."""
        own = f"SLURM_CONF={self.root}/slurm.conf".encode()
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and own in (entry / "environ").read_bytes().split(b"\0"):
                    os.kill(int(entry.name), signal.SIGKILL)
            except OSError:
                pass  # it has just gone
