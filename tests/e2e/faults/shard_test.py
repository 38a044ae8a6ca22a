"""Shards that go away or stand still while a run reads them (row 18 of the fault table)."""
import shutil

import common
import support

STEPS = 40
# Nothing is kept or read far ahead, so that steps after the fault read what the fault is about.
LONG = {"train.steps": STEPS, "data.cache_mb": 0, "data.prefetch_mb": 1}
SLOW = {"VOX_FAULT": "step:begin sleep=50"}


class Shards(common.FaultCase):
    def setUp(self):
        super().setUp()
        self.shards = self.folder / "shards"
        shutil.copytree(support.phantom_shards(6, 32, split="0.84,0.16,0"), self.shards)
        self.flag = self.folder / "flag"

    def start(self, fault):
        """A run that reads its own copy of the shards, with the fault from step 4 on."""
        arguments = [self.shards if "shards_" in str(word) else word for word in self.arguments("run", **LONG)]
        job = self.start_job(support.WITH_FAULTS, *arguments, ranks=2,
                             environment={**SLOW, **common.disk(f"{fault[0]} .h5 while={self.flag} {fault[1]}")})
        self.wait_for_step(job, self.folder / "run", 4)
        self.flag.touch()
        return job

    def goes_on(self, job):
        self.assertEqual(job.wait(timeout=120), 0, job.log.read_text()[-3000:])
        self.assertEqual(self.weights("run", STEPS), self.undisturbed(**LONG))
        return job.log.read_text()

    def test_18_a_removed_shard_is_read_to_the_end(self):
        job = self.start(("pread", "note"))
        for shard in self.shards.glob("*.h5"):
            shard.unlink()
        self.assertIn("disk fault: note at pread", self.goes_on(job), "nothing was read after the shards were removed")
        text = support.run("train_brats", "--data", self.shards, "--run", self.folder / "next", *support.settings(common.RUN),
                           ranks=2, expect=65)
        self.assertRegex(text, r"rank 0 on \S+: .*shard_00000.h5: cannot be opened: No such file")

    def test_18_an_error_that_passes_is_a_warning(self):
        text = self.goes_on(self.start(("pread", "rank=1 @1+3 EIO")))
        for pause in (100, 400, 1600):
            self.assertRegex(text, rf"\[rank 1\] warning: \S+/shard_\d+.h5: reading failed: Input/output error; trying again in {pause} ms")

    def test_18_a_file_server_that_takes_seconds(self):
        text = self.goes_on(self.start(("pread", "rank=1 @1+2 delay=4000")))
        self.assertIn("disk fault: delay=4000 at pread", text)
        steps = support.metrics(self.folder / "run").values()
        waited = max(step["step_seconds"] * step["data_wait_share"][1] for step in steps)
        self.assertGreater(waited, 1, "what was read ahead lasted: no rank had to wait")

    def test_18_an_error_that_stays_ends_all_ranks_and_names_the_file(self):
        for error, message in (("EIO", "Input/output error"), ("ESTALE", "Stale file handle")):
            with self.subTest(error=error):
                job = self.start(("pread", f"rank=1 {error}"))
                self.end_after(job, f"disk fault: {error} at pread", expect=65)
                self.assertRegex(job.log.read_text(), rf"error: rank 1 on \S+: \S+/shard_\d+.h5: reading failed 4 times: {message}; "
                                 r"check the disk or the file server \(training crop of case BraTS20_Training_\d+")
                self.flag.unlink()
                shutil.rmtree(self.folder / "run")


if __name__ == "__main__":
    support.main()
