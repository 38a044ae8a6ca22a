"""A disk that refuses one call of a save, or is slow (rows 8 and 26 of the fault table).

FAULT_POINTS=all tries every call of a save.
"""
import os
import re
import time

import common
import support


class FailingSave(common.FaultCase):
    def test_08_a_save_that_fails_is_a_warning_and_the_next_one_works(self):
        expected = self.undisturbed()
        faults = {
            "write /.tmp_step_00000006/model @9 ENOSPC": "cannot write .*model.safetensors: No space left on device",
            "close /.tmp_step_00000006/optimizer @1 EDQUOT": "cannot close .*optimizer.safetensors: Disk quota exceeded",
            "fsync /.tmp_step_00000006 @3 EIO": "cannot fsync .*: Input/output error",
            "rename /.tmp_step_00000006 @1 ENOSPC": "cannot rename a finished folder to .*step_00000006.*: No space left",
        }
        if os.environ.get("FAULT_POINTS") == "all":
            faults.update(self.every_call_of_a_save())
        for number, (fault, message) in enumerate(faults.items()):
            with self.subTest(fault=fault):
                run = f"run{number}"
                text = self.run_on_disk(fault, run)
                self.assertRegex(text, "warning: the checkpoint of step 6 was not saved: " + message)
                self.assertIn("1 attempts to save a checkpoint failed", text)
                self.assertEqual(self.final(run)["failed_saves"], 1)
                self.assertEqual(self.weights(run), expected)
                names = [path.name[:13] for path in (self.folder / run / "checkpoints").iterdir()]
                self.assertEqual(sorted(names), ["step_00000009", "step_00000012"])

    def every_call_of_a_save(self):
        """Each fsync and rename of the save at step 6, and every seventh write: they are one a tensor."""
        calls = {"write": "ENOSPC", "fsync": "EIO", "rename": "EDQUOT"}
        text = self.run_on_disk("; ".join(f"{call} /.tmp_step_00000006 note" for call in calls), "counted")
        faults = {}
        for call, error in calls.items():
            times = text.count(f"disk fault: note at {call} ")
            self.assertGreater(times, 0)
            for k in range(1, times + 1, 7 if call == "write" else 1):
                faults[f"{call} /.tmp_step_00000006 @{k} {error}"] = ""
        return faults

    def test_08_the_checkpoint_before_stays(self):
        expected = self.undisturbed()
        self.run_on_disk("write /.tmp_step_00000006 @2+ ENOSPC", program=support.WITH_FAULTS, expect=137,
                         environment={"VOX_FAULT": "step:begin@8 rank=1 kill"}, **{"checkpoint.keep_last": 1})
        names = [path.name for path in (self.folder / "run" / "checkpoints").iterdir()]
        self.assertEqual(names, ["step_00000003"])
        text = support.run("train_brats", *self.arguments("run"), ranks=2)
        self.assertIn("at step 3 of ", text)
        self.assertEqual(self.weights("run"), expected)

    def test_08_ends_with_73_after_max_failures_in_a_row(self):
        job = self.start_job("train_brats", *self.arguments("run", **{"checkpoint.max_failures": 2}), ranks=2,
                             environment=common.disk("fsync /.tmp_ EIO"))
        self.end_after(job, "the checkpoint of step 6 was not saved", expect=73)
        self.assertIn("2 checkpoints in a row could not be written; the last: cannot fsync", job.log.read_text())

    def test_08_the_last_save_is_tried_again(self):
        text = self.run_on_disk("write /.tmp_step_00000012 @2 ENOSPC")
        self.assertIn("nothing saves after this one: trying again in 1 s", text)
        self.assertEqual(self.weights("run"), self.undisturbed())
        self.assertEqual(self.final()["failed_saves"], 1)
        job = self.start_job("train_brats", *self.arguments("lost", **{"checkpoint.max_failures": 2}), ranks=2,
                             environment=common.disk("write /.tmp_step_00000012 EDQUOT"))
        self.end_after(job, "the checkpoint of step 12 was not saved", expect=73)


class SlowDisk(common.FaultCase):
    def test_26_never_two_saves_in_flight_and_the_last_is_awaited(self):
        expected = self.undisturbed()
        begin = time.monotonic()
        text = support.run("train_brats", *self.arguments("run"), ranks=2, environment=common.disk(
            "fsync /checkpoints/.tmp delay=400; write /checkpoints/ note; fsync /checkpoints note; rename /checkpoints/ note"))
        self.assertGreater(time.monotonic() - begin, 4 * 4 * 0.4, "a save was not awaited")
        steps = [int(step) for step in re.findall(r"disk fault: note at \w+ \d+ of \S+/\.tmp_step_(\d+)", text)]
        self.assertEqual(sorted(set(steps)), [3, 6, 9, 12])
        self.assertEqual(steps, sorted(steps), "a save began before the one before was in place")
        self.assertEqual(self.weights("run"), expected)

    def test_26_training_waits_for_the_save_before_and_resumes_with_the_same_bits(self):
        run = self.folder / "run"
        job = self.start_job("train_brats", *self.arguments("run"), ranks=2,
                             environment=common.disk("fsync /.tmp_step_00000003 delay=30000"))
        self.wait_for_step(job, run, 6)
        time.sleep(1)
        self.assertEqual(max(support.metrics(run)), 6, "training went on with two saves to write")
        self.assertEqual(sorted(path.name for path in (run / "checkpoints").iterdir()), [".tmp_step_00000003"])
        support.kill_rank("train_brats", run, 0)
        self.assertEqual(job.wait(timeout=60), 137)
        support.run("train_brats", *self.arguments("run"), ranks=2)
        self.assertEqual(self.weights("run"), self.undisturbed())


if __name__ == "__main__":
    support.main()
