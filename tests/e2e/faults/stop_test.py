"""Who asks a run to stop gets it saved, whenever that is; who kills it loses no more than since the last checkpoint (rows 5, 6).

Row 7, that Slurm starts a stopped job again and that it goes on, is tests/slurm's.
"""
import os
import pathlib
import signal
import time

import common
import support

RANKS = 2
STEPS = 24  # a second of them, so that a signal finds a run that is not over


def listens(process):
    """Whether the process has come so far that SIGUSR1 is a request."""
    try:
        lines = pathlib.Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return False
    caught = [int(line.split()[1], 16) for line in lines if line.startswith("SigCgt:")]
    return bool(caught and caught[0] >> (signal.SIGUSR1 - 1) & 1)


class Stop(common.FaultCase):
    def arguments(self, run, **values):
        return super().arguments(run, **{"train.steps": STEPS, **values})

    def start(self, run, program="train_brats", environment=None, **values):
        return self.start_job(program, *self.arguments(run, **values), ranks=RANKS, environment=environment)

    def wait_until_they_listen(self, job, run):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and job.poll() is None:
            processes = [support.process_of_rank("train_brats", self.folder / run, rank) for rank in range(RANKS)]
            if all(process is not None and listens(process) for process in processes):
                return processes
            time.sleep(0.005)
        self.fail(f"the ranks did not start:\n{job.log.read_text()[-3000:]}")

    def wait_for_text(self, job, text):
        deadline = time.monotonic() + 60
        while text not in job.log.read_text():
            self.assertLess(time.monotonic(), deadline, f"no '{text}' in\n{job.log.read_text()[-3000:]}")
            self.assertIsNone(job.poll(), job.log.read_text()[-3000:])
            time.sleep(0.005)

    def end(self, job, what):
        begin = time.monotonic()
        code = job.wait(timeout=60)
        print(f"{what}: mpirun's code {code} after {time.monotonic() - begin:.2f} s", flush=True)
        return code

    def assert_stopped(self, job, what):
        self.assertEqual(self.end(job, what), 75, job.log.read_text()[-3000:])
        self.assertEqual(job.log.read_text().count("stopping after step"), 1)

    def finish_and_compare(self, run, **values):
        text = support.run("train_brats", *self.arguments(run, **values), ranks=RANKS)
        self.assertNotIn("skipped", text, "a checkpoint was not whole")
        self.assertTrue(self.weights(run, STEPS) == self.undisturbed(RANKS, **{"train.steps": STEPS, **values}))
        self.assertEqual(list((self.folder / run / "checkpoints").glob(".*")), [])

    def test_05_usr1_to_mpirun_and_to_one_rank_saves_and_goes_on(self):
        job = self.start("run")
        self.wait_for_step(job, self.folder / "run", 2)
        job.send_signal(signal.SIGUSR1)  # mpirun forwards it to all ranks
        self.assert_stopped(job, "SIGUSR1 to mpirun")
        stopped = support.step_of(support.newest_checkpoint(self.folder / "run"))
        self.assertGreaterEqual(stopped, 2)
        job = self.start("run")
        self.wait_for_step(job, self.folder / "run", stopped + 2)
        os.kill(support.process_of_rank("train_brats", self.folder / "run", 1), signal.SIGUSR1)
        self.assert_stopped(job, "SIGUSR1 to rank 1")
        self.finish_and_compare("run")

    def test_05_a_request_during_the_start_is_kept(self):
        """From main() on: while MPI starts, while the data set is opened, before there is a trainer."""
        last = 0
        for signal_number, delay in ((signal.SIGUSR1, 0), (signal.SIGTERM, 0.2), (signal.SIGUSR1, 0.5)):
            job = self.start("run")
            processes = self.wait_until_they_listen(job, "run")
            time.sleep(delay)
            if delay == 0:
                self.assertNotIn("effective batch", job.log.read_text(), "the data set was open before anybody listened")
            for process in processes:
                os.kill(process, signal_number)
            self.assert_stopped(job, f"{signal_number.name} {delay} s after the start")
            step = support.step_of(support.newest_checkpoint(self.folder / "run"))
            self.assertGreater(step, last)
            last = step
        self.assertLess(last, STEPS)
        self.finish_and_compare("run")

    def test_05_before_the_program_begins_nothing_is_lost(self):
        """While the system loads its libraries nobody can catch a signal: the job ends, and a start goes on."""
        support.run("train_brats", *self.arguments("run", **{"train.steps": 3, "train.schedule.name": "constant"}), ranks=RANKS)
        job = self.start("run", **{"train.schedule.name": "constant"})
        while not (process := support.process_of_rank("train_brats", self.folder / "run", 1)):
            self.assertIsNone(job.poll())
        os.kill(process, signal.SIGUSR1)
        self.assertIn(self.end(job, "SIGUSR1 before main()"), (75, 138))
        self.finish_and_compare("run", **{"train.schedule.name": "constant"})

    def test_05_06_during_a_validation_and_during_a_save(self):
        """The same run four times; a request that comes while ranks validate or save is seen in the next step."""
        values = {"train.validate_every_steps": 3}
        last = 0
        for point, signal_number in (("validation:case@1", signal.SIGUSR1), ("checkpoint:after_write@1", signal.SIGUSR1),
                                     ("validation:case@1", signal.SIGTERM), ("checkpoint:before_rename@1", signal.SIGTERM)):
            job = self.start("run", support.WITH_FAULTS, {"VOX_FAULT": f"{point} sleep=1000"}, **values)
            self.wait_for_text(job, "fault: sleep at")
            for rank in range(RANKS):
                os.kill(support.process_of_rank("train_brats_with_faults", self.folder / "run", rank), signal_number)
            self.assert_stopped(job, f"{signal_number.name} at {point}")
            step = support.step_of(support.newest_checkpoint(self.folder / "run"))
            self.assertGreater(step, last)
            last = step
        self.finish_and_compare("run", **values)

    def test_05_again_and_again_is_one_request(self):
        job = self.start("run")
        self.wait_for_step(job, self.folder / "run", 2)
        processes = [support.process_of_rank("train_brats", self.folder / "run", rank) for rank in range(RANKS)]
        begin = time.monotonic()
        while job.poll() is None and time.monotonic() < begin + 60:
            for process in processes:
                try:
                    os.kill(process, signal.SIGUSR1)
                except ProcessLookupError:
                    pass
            time.sleep(0.002)
        print(f"SIGUSR1 every 2 ms: gone after {time.monotonic() - begin:.2f} s", flush=True)
        self.assert_stopped(job, "SIGUSR1 every 2 ms")
        self.finish_and_compare("run")

    def interrupted(self, signal_number, fault, environment):
        """Returns the newest checkpoint of what is left."""
        job = self.start("run", support.WITH_FAULTS, {"VOX_FAULT": fault, **environment})
        self.wait_for_text(job, "fault: sleep at")
        processes = [support.process_of_rank("train_brats_with_faults", self.folder / "run", rank) for rank in range(RANKS)]
        job.send_signal(signal_number)
        self.assertNotEqual(self.end(job, f"{signal_number.name} to mpirun {environment}"), 0)
        deadline = time.monotonic() + 30
        while any(pathlib.Path(f"/proc/{process}").exists() for process in processes):
            self.assertLess(time.monotonic(), deadline, "a rank stayed behind")
            time.sleep(0.01)
        return support.step_of(support.newest_checkpoint(self.folder / "run"))

    def test_06_sigterm_and_sigint_to_mpirun_lose_no_more_than_since_the_last_checkpoint(self):
        """In the sixth step, which takes 10 s; the last checkpoint is of the third.  mpirun sends its ranks SIGTERM after a second
        and SIGKILL after another one, which is too early for such a step; odls_base_sigkill_timeout makes both waits longer."""
        patient = {"OMPI_MCA_odls_base_sigkill_timeout": "8"}
        from_start, from_third = "step:begin@6 sleep=10000", "step:begin@3 sleep=10000"
        self.assertEqual(self.interrupted(signal.SIGTERM, from_start, {}), 3)
        self.assertEqual(self.interrupted(signal.SIGINT, from_third, {}), 3)
        self.assertEqual(self.interrupted(signal.SIGTERM, from_third, patient), 6)
        self.finish_and_compare("run")


if __name__ == "__main__":
    support.main()
