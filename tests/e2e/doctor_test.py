"""What doctor says of a machine and a run that work, and of each thing that can be wrong; and that nothing stays behind."""
import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess

import h5py
import support

SPLIT = "0.67,0.33,0"
SUBJECTS = ("versions", "ranks", "MPI", "GPUs", "clocks", "configuration", "threads", "communication", "all-reduce", "shards",
            "decoding", "reading", "run folder", "batch", "free space", "memory", "verdict")
VERDICTS = ("ok", "skipped", "warning", "fails")


def findings(text):
    """{subject: (verdict, text)} of doctor's lines, in their order."""
    found = {}
    for line in text.splitlines():
        for subject in SUBJECTS:
            verdict = line[:9].strip()
            if verdict in VERDICTS and line[9:24].strip() == subject:
                assert subject not in found, f"two lines for {subject}:\n{text}"
                found[subject] = (verdict, line[24:])
    return found


@contextlib.contextmanager
def small_disk(test, size):
    mount = test.folder / "small"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", mount], capture_output=True).returncode:
        test.skipTest("mounting is not allowed here")
    try:
        yield mount
    finally:
        subprocess.run(["umount", mount], check=True)


class Doctor(support.Case):
    def doctor(self, ranks=1, expect=0, config=True, shards=None, run="run", environment=None, **values):
        """The findings for phantoms and a narrow network; `values` change the configuration."""
        arguments = []
        if config:
            arguments += ["--config", support.SOURCE / "configs/brats/smoke.yaml", "--data", shards or self.shards(),
                          "--run", self.folder / run, *support.settings({**support.TINY, **values})]
        before = sorted(self.folder.rglob("*"))
        self.text = support.run("doctor", *arguments, ranks=ranks, expect=expect, environment=environment)
        self.assertEqual(sorted(self.folder.rglob("*")), before, "doctor leaves nothing behind")
        found = findings(self.text)
        failed = [subject for subject, (verdict, _) in found.items() if verdict == "fails"]
        self.assertEqual(found["verdict"][0] == "fails", expect != 0, self.text)
        self.assertEqual(bool(failed), expect != 0, self.text)
        return found

    def shards(self):
        return support.phantom_shards(6, 32, split=SPLIT)

    def assert_fails(self, found, subject, *parts):
        """This check and no other."""
        self.assertEqual([name for name, (verdict, _) in found.items() if verdict == "fails"], [subject, "verdict"], self.text)
        for part in parts:
            self.assertIn(part, found[subject][1])

    def test_a_run_that_can_work(self):
        for ranks in (1, 2):
            found = self.doctor(ranks)
            self.assertEqual(tuple(found), SUBJECTS)
            bad = {subject: line for subject, line in found.items() if line[0] != "ok"}
            # Other work on this machine decides about memory that is merely short, and cores.
            self.assertLessEqual(set(bad), {"verdict", "memory", "threads"}, bad)
            self.assertIn("the run can work", found["verdict"][1])
            self.assertIn(f"effective batch {ranks} = {ranks} items a micro-batch over {ranks} ranks x 1 accumulated", found["batch"][1])
            self.assertIn("6 cases in", found["shards"][1])
            self.assertIn("4 train, 2 val, 0 test", found["shards"][1])
        self.assertRegex(found["all-reduce"][1], r"8 bytes in [\d.]+ [um]?s; .* bus bandwidth .*B/s")
        self.assertIn("mpi on CPUs" if "no GPU" in found["GPUs"][1] else "on ", found["communication"][1])

    def test_the_batch_is_that_of_a_dry_run(self):
        values = {"train.accumulation": 3, "data.batch_size": 2}
        found = self.doctor(2, **values)
        dry = support.run("train", "--config", support.SOURCE / "configs/brats/smoke.yaml", "--data", self.shards(), "--dry-run",
                          *support.settings({**support.TINY, **values}), ranks=2)
        lines = found["batch"][1].split("; ", 2)
        self.assertEqual(len(lines), 3)
        for line in lines:
            self.assertIn(line, dry)

    def test_the_checkpoint_is_as_large_as_said_and_those_that_are_there_count(self):
        def said(pattern):
            number, unit = re.search(pattern + r" ([\d.]+) ([KM]iB)", self.doctor(**values)["free space"][1]).groups()
            return float(number) * 1024 ** "BKM".index(unit[0])

        values = {"train.ema.enabled": "true", "train.steps": 1, "train.validate_every_steps": 0}
        size = said("checkpoints of")
        self.assertAlmostEqual(said("need") / size, 2 + 1 + 1, delta=0.3)
        support.run("train", "--config", support.SOURCE / "configs/brats/smoke.yaml", "--data", self.shards(), "--run",
                    self.folder / "run", *support.settings({**support.TINY, **values}))
        files = support.newest_checkpoint(self.folder / "run").glob("*.safetensors")
        self.assertAlmostEqual(sum(file.stat().st_size for file in files) / size, 1, delta=0.06)
        self.assertAlmostEqual(said("need") / size, 3, delta=0.3)

    def test_without_a_configuration_the_machine_alone(self):
        for ranks in (None, 3):
            found = self.doctor(ranks, config=False)
            self.assertEqual(found["configuration"][0], "skipped")
            self.assertNotIn("memory", found)
            self.assertNotIn("shards", found)

    def test_more_threads_than_cores(self):
        found = self.doctor(2, **{"train.threads_per_rank": os.cpu_count()})
        self.assertEqual(found["threads"][0], "warning")
        self.assertIn("set train.threads_per_rank to", found["threads"][1])

    def test_wrong_configuration(self):
        found = self.doctor(2, expect=78, **{"train.stepz": 3})
        self.assert_fails(found, "configuration", "unknown key 'train.stepz'", "did you mean 'train.steps'?")
        self.assertEqual(found["decoding"][0], "ok", "what does not need the configuration is examined all the same")
        self.assertEqual(found["memory"], ("skipped", "the configuration is wrong"))

    def test_a_gpu_that_is_not_there(self):
        found = self.doctor(2, expect=78, environment={"CUDA_VISIBLE_DEVICES": ""}, **{"comm.device": "cuda"})
        self.assertEqual(found["GPUs"], ("ok", "no GPU"))
        self.assert_fails(found, "communication", "comm.device is cuda, but rank 0 on", "sees no GPU")

    def test_a_batch_that_does_not_divide(self):
        found = self.doctor(2, expect=78, **{"data.batch_size": 0, "data.global_batch_size": 5, "train.accumulation": 2})
        self.assert_fails(found, "batch", "5", "accumulation")

    def test_missing_shards(self):
        found = self.doctor(2, expect=65, shards=self.folder / "nowhere")
        self.assert_fails(found, "shards", str(self.folder / "nowhere"))
        self.assertEqual(found["memory"], ("skipped", "the shards cannot be used"))

    def test_a_damaged_chunk(self):
        shards = self.folder / "shards"
        shutil.copytree(self.shards(), shards)
        listed = json.loads((shards / "dataset.json").read_text())["cases"]
        last_file = max(entry["shard"] for entry in listed)
        case = min(entry["id"] for entry in listed if entry["shard"] == last_file)
        with h5py.File(shards / last_file) as file:
            chunk = file[f"cases/{case}/image"].id.get_chunk_info(0)
        with open(shards / last_file, "r+b") as file:
            file.seek(chunk.byte_offset + chunk.size // 2)
            byte = file.read(1)[0]
            file.seek(-1, 1)
            file.write(bytes([byte ^ 1]))
        for ranks in (1, 2):
            self.assert_fails(self.doctor(ranks, expect=65, shards=shards), "decoding", last_file, case)

    def test_no_case_to_train_on_and_none_to_validate_with(self):
        shards = support.phantom_shards(6, 32, split="0,0.5,0.5")
        self.assert_fails(self.doctor(expect=65, shards=shards), "shards", "0 train", "nothing to train on")
        shards = support.phantom_shards(6, 32, split="1,0,0")
        self.assertEqual(self.doctor(shards=shards)["shards"][0], "warning")
        found = self.doctor(expect=78, shards=shards, **{"train.early_stopping.patience": 2})
        self.assert_fails(found, "batch", "train.early_stopping.patience")

    def test_a_disk_that_cannot_be_written(self):
        with support.read_only_mount(self) as mount:
            self.assert_fails(self.doctor(2, expect=73, run="mount/run"), "run folder", str(mount), "cannot be created")
        (self.folder / "taken").write_text("mine")
        self.assert_fails(self.doctor(expect=73, run="taken"), "run folder", "a file is in the place of")

    def test_a_folder_in_use(self):
        (self.folder / "run").mkdir()
        with open(self.folder / "run" / ".lock", "w") as lock:
            lock.write("process 12 on node3")
            lock.flush()
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.assert_fails(self.doctor(expect=73), "run folder", "in use by another job (process 12 on node3)")
        self.doctor()

    def test_a_disk_without_space(self):
        with small_disk(self, "2M"):
            found = self.doctor(2, expect=73, run="small/run", **{"checkpoint.keep_last": 100})
            self.assert_fails(found, "free space", "102 checkpoints of", "free some space")

    def test_crops_that_no_memory_holds(self):
        found = self.doctor(2, expect=78, **{"data.crop_size": "[4096,4096,4096]"})
        self.assert_fails(found, "batch", "the crops of one micro-batch alone take", "data.crop_size")

    def test_a_step_that_runs_out_of_memory_on_one_rank(self):
        """The crops fit below rank 1's limit, what the network makes of them does not; rank 0 has enough and does not wait."""
        limited = self.folder / "limited"
        limited.write_text(f"""#!/bin/sh
            [ "$OMPI_COMM_WORLD_RANK" = 1 ] && ulimit -v {5 << 20}
            exec {support.BIN / 'doctor'} "$@"
            """)
        limited.chmod(0o755)
        values = {"data.crop_size": "[192,192,192]"}
        command = support.command("doctor", "--config", support.SOURCE / "configs/brats/smoke.yaml", "--data", self.shards(),
                                  *support.settings({**support.TINY, **values}), ranks=2)
        command[command.index(str(support.BIN / "doctor"))] = str(limited)
        done = subprocess.run(command, env={**support.clean_environment(), "CUDA_VISIBLE_DEVICES": ""}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=280)
        self.text = done.stdout
        self.assertEqual(done.returncode, 78, self.text)
        self.assert_fails(findings(self.text), "memory", "rank 1 on ", "a step runs out of memory", "ulimit -v",
                          "model.activation_checkpointing")

    def test_set_without_a_configuration_and_unknown_options(self):
        self.assertIn("--config", support.run("doctor", "--set", "train.steps=3", expect=64))
        self.assertIn("--help", support.run("doctor", "--frobnicate", expect=64))


if __name__ == "__main__":
    support.main()
