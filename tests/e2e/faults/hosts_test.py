"""The network between two hosts: cut, silent, slow or losing packets (row 25 of the fault table)."""
import pathlib
import signal
import subprocess
import time
import unittest

import common
import hosts
import support

STEPS = 16
VALUES = {"train.steps": STEPS, "train.replica_check_every": 4, "comm.timeout_s": 3}
LIMIT_S = 60  # ranks are gone after some ten seconds, mpirun after some twenty; a loaded machine is slow


def as_in_job_scripts():
    """What slurm/env.sh tells mpirun: how soon it takes a host for gone, and how long ranks may take to end."""
    text = subprocess.run(["bash", "-c", "source slurm/env.sh; env"], cwd=support.SOURCE, env=support.clean_environment(), check=True,
                          capture_output=True, text=True).stdout
    return dict(line.split("=", 1) for line in text.splitlines() if line.startswith("OMPI_MCA_"))


@unittest.skipUnless(hosts.allowed(), "network namespaces are not allowed here")
class TwoHosts(common.FaultCase):
    def start(self, two, ranks, run):
        """train_brats over both hosts; what it prints goes into `job.log`."""
        environment = {**support.clean_environment(), **as_in_job_scripts(), "TMPDIR": str(self.folder)}  # TMPDIR: mpirun's sockets
        log = open(self.folder / f"{run}.log", "a")
        self.addCleanup(log.close)
        job = subprocess.Popen(two.command(ranks, "train_brats", *self.arguments(run, **VALUES)), env=environment,
                               stdout=log, stderr=subprocess.STDOUT)
        job.log = pathlib.Path(log.name)
        self.addCleanup(lambda: job.poll() is None and (job.kill(), job.wait()))
        return job

    def to_the_end(self, two, ranks, run):
        job = self.start(two, ranks, run)
        self.assertEqual(job.wait(timeout=250), 0, job.log.read_text()[-4000:])
        self.assertEqual(self.weights(run, STEPS), self.undisturbed(ranks, **VALUES))

    def end_of_all(self, two, job):
        """After the fault: awaits that every process is gone, and returns what was printed."""
        begin, ranks_gone = time.monotonic(), None
        while job.poll() is None or two.processes():
            self.assertLess(time.monotonic() - begin, LIMIT_S, f"something stayed behind:\n{job.log.read_text()[-3000:]}")
            if not ranks_gone and not two.processes("train_brats"):
                ranks_gone = time.monotonic() - begin
            time.sleep(0.1)
        print(f"launcher's code {job.returncode}; from the fault to the end of the ranks {ranks_gone or 0:.1f} s, of all "
              f"{time.monotonic() - begin:.1f} s")
        return job.log.read_text()

    def cut_and_go_on(self, two, ranks, run, cut, mend):
        job = self.start(two, ranks, run)
        self.wait_for_step(job, self.folder / run, 5)
        self.assertGreater(len(two.processes()), ranks)  # mpirun and a daemon as well
        cut()
        text = self.end_of_all(two, job)
        self.assertNotEqual(job.returncode, 0)
        # mpirun notices that the host is gone, ranks that a collective does not end.
        self.assertIn("lost communication with a remote daemon", text)
        self.assertRegex(text, r"ranks? 0\b.*(did not end within 3|, for \d+\.\d s)")
        mend()
        self.to_the_end(two, ranks, run)
        self.assertIn("going on from", (self.folder / run / "log.txt").read_text())
        self.assertNotIn("is damaged", (self.folder / run / "log.txt").read_text())
        self.assertEqual(sorted(support.metrics(self.folder / run)), list(range(1, STEPS + 1)))

    def test_25_a_link_that_goes_down_ends_all_ranks_and_the_run_goes_on(self):
        with hosts.Hosts(self.folder) as two:
            self.cut_and_go_on(two, 4, "down", lambda: two.link("down"), lambda: two.link("up"))

    def test_25_a_link_that_falls_silent_ends_all_ranks_and_the_run_goes_on(self):
        with hosts.Hosts(self.folder, delay_s=0) as two:
            self.cut_and_go_on(two, 2, "silent", two.wire.fall_silent, two.wire.speak)

    def test_25_a_bad_link_changes_nothing_but_time(self):
        for name, options in {"slow": {"delay_s": 0.003}, "narrow": {"bytes_per_s": 4e6}, "losing": {"loss": 0.01}}.items():
            with self.subTest(name), hosts.Hosts(self.folder, **options) as two:
                begin = time.monotonic()
                self.to_the_end(two, 2, name)
                print(f"{name}: {time.monotonic() - begin:.1f} s, {two.wire.carried} packets, {two.wire.lost} lost")
                self.assertGreater(two.wire.carried, 1000)
                self.assertEqual(two.wire.lost > 0, name == "losing")

    def test_25_leftovers_of_a_killed_test_are_removed(self):
        dead = subprocess.Popen(["true"])
        dead.wait()
        name = f"vox-{dead.pid}-a"
        hosts.ip("netns", "add", name)
        left = subprocess.Popen(["ip", "netns", "exec", name, "sleep", "1000"])
        self.addCleanup(lambda: left.poll() is None and (left.kill(), left.wait()))
        while not hosts.processes_in(name):
            time.sleep(0.01)
        hosts.remove_leftovers()
        self.assertEqual(left.wait(timeout=10), -signal.SIGKILL)
        self.assertNotIn(name, hosts.ip("netns", "list").stdout)


if __name__ == "__main__":
    support.main()
