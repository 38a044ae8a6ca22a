"""A disk that takes nothing for a while: checkpoints and the notes of a run are on it (row 8 of the fault table)."""
import contextlib
import re
import resource
import subprocess

import common
import support

STEPS = 40
# Slow enough that a test can do something to a run, long enough that it is over before the run is.
SLOW = {"VOX_FAULT": "step:begin sleep=100"}
LONG = {"train.steps": STEPS, "checkpoint.every_steps": 4}


class FullDisk(common.FaultCase):
    def survives(self, run, refuse, environment=None):
        """A whole outage in the middle of a run: nothing can be written while `refuse(job)` is open."""
        arguments = self.arguments(run, **LONG)
        job = self.start_job(support.WITH_FAULTS, *arguments, ranks=2, environment={**SLOW, **(environment or {})})
        self.wait_for_step(job, self.folder / run, 6)
        with refuse(job):
            self.wait_for_text(job, "/metrics.jsonl (")
            self.wait_for_text(job, " was not saved: ")
        self.assertEqual(job.wait(timeout=120), 0, job.log.read_text()[-3000:])
        text = job.log.read_text()
        self.assertRegex(text, r"warning: cannot write \S+/metrics.jsonl \(.*\): the run goes on")
        self.assertRegex(text, r"metrics.jsonl is written again, and nothing of it was lost")
        self.assertGreaterEqual(self.final(run, STEPS)["failed_saves"], 1)
        self.assertEqual(sorted(support.metrics(self.folder / run)), list(range(1, STEPS + 1)))
        self.assertTrue((self.folder / run / "report.html").read_text().rstrip().endswith("</html>"))
        # In log.txt as well: every line of standard error but those about log.txt itself.
        said = [line for line in re.findall(r"(?m)^\d\d:\d\d:\d\d .*$", text) if "log.txt" not in line]
        self.assertEqual((self.folder / run / "log.txt").read_text().splitlines(), said)
        self.assertEqual(self.weights(run, STEPS), self.undisturbed(**LONG))

    def test_08_a_disk_that_is_full_for_a_while(self):
        mount = self.folder / "small"
        mount.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", mount], capture_output=True).returncode:
            self.skipTest("mounting is not allowed here")
        self.addCleanup(subprocess.run, ["umount", "-l", mount], check=True)

        @contextlib.contextmanager
        def full(_):
            filler = mount / "filler"
            with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 4096)
            yield
            filler.unlink()

        self.survives("small/run", full)

    def test_08_files_that_may_not_grow(self):
        """ulimit -f, as some clusters set it."""
        @contextlib.contextmanager
        def limited(_):
            process = support.process_of_rank("train_brats_with_faults", self.folder / "run", 0)
            hard = resource.prlimit(process, resource.RLIMIT_FSIZE)[1]
            resource.prlimit(process, resource.RLIMIT_FSIZE, (64, hard))
            yield
            resource.prlimit(process, resource.RLIMIT_FSIZE, (hard, hard))

        self.survives("run", limited)

    def test_08_io_errors_for_a_while(self):
        flag = self.folder / "flag"

        @contextlib.contextmanager
        def broken(_):
            flag.touch()
            yield
            flag.unlink()

        self.survives("run", broken, common.disk(f"write /run/ while={flag} EIO"))

    def test_08_a_run_that_cannot_write_its_notes_says_so_at_the_end(self):
        messages = {"metrics.jsonl": r"cannot write \S+/metrics.jsonl \(Input/output error\): \d+ bytes of it are missing",
                    "events.out": r"cannot write \S+/events.out\S+ \(Input/output error\): \d+ bytes of it are missing",
                    "report.html": r"cannot write \S+/report.html.tmp \(Input/output error\)"}
        for number, (file, message) in enumerate(messages.items()):
            with self.subTest(file=file):
                self.assertRegex(self.run_on_disk(f"write /{file} EIO", f"without{number}", expect=73), message)
                self.assertEqual(self.weights(f"without{number}"), self.undisturbed())
        text = self.run_on_disk("write /previews/ ENOSPC; write /log.txt EIO")  # nothing that a figure is missing of
        self.assertIn("warning: the preview of step 12 is missing: ", text)
        self.assertRegex(text, r"warning: cannot write \S+/log.txt")
        self.assertEqual(self.weights("run"), self.undisturbed())


if __name__ == "__main__":
    support.main()
