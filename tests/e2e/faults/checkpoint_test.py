"""What others did to a run's checkpoints, through the program (rows 9, 10 and 11 of the fault table).

That every byte and every length is noticed is shown where that takes no program: tests/checkpoint.
"""
import os
import pathlib
import pickle
import shutil
import time

import common
import support


class Dangerous:
    """A pickle that makes a file when it is read."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return pathlib.Path.touch, (self.file,)


def flip_a_byte(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


class Checkpoints(common.FaultCase):
    def setUp(self):
        super().setUp()
        self.expected = self.undisturbed()

    def copy_of_run(self, name):
        """A run that is over, whose checkpoints are of steps 9 and 12."""
        finished = self.folder / "finished"
        if not finished.exists():
            support.run("train_brats", *self.arguments("finished"), ranks=2)
        shutil.copytree(finished, self.folder / name, symlinks=True)
        return self.folder / name / "checkpoints"

    def go_on(self, name, expect=0, environment=None, **values):
        return support.run("train_brats", *self.arguments(name, **values), ranks=2, expect=expect, environment=environment)

    def test_09_a_damaged_newest_checkpoint_is_named_and_the_older_one_taken(self):
        damages = {
            "flipped": (flip_a_byte, r"model.safetensors: tensor '\S+' is damaged: its checksum is wrong"),
            "short": (lambda file: os.truncate(file, file.stat().st_size // 2), "model.safetensors"),
            "empty": (lambda file: os.truncate(file, 0), "model.safetensors: too short for a safetensors file"),
        }
        for name, (damage, message) in damages.items():
            with self.subTest(damage=name):
                self.copy_of_run(name)
                damage(support.newest_checkpoint(self.folder / name) / "model.safetensors")
                text = self.go_on(name)
                self.assertRegex(text, r"warning: .*step_00000012\S*/?" + message)
                self.assertIn(f"at step 9 of {common.STEPS}", text)
                self.assertEqual(self.weights(name), self.expected)
        checkpoints = self.copy_of_run("lost")
        for one in checkpoints.iterdir():
            flip_a_byte(one / "model.safetensors")
        self.assertIn("--resume none", self.go_on("lost", expect=65))

    def test_18_a_checkpoint_that_cannot_be_read_for_a_moment_is_not_damaged(self):
        """Else the run would go on from the older one and set this one aside."""
        self.copy_of_run("run")
        text = self.go_on("run", environment=common.disk("pread step_00000012 @2+2 EIO"))
        self.assertRegex(text, r"warning: \S+: reading failed: Input/output error; trying again in 400 ms")
        self.assertIn(f"at step 12 of {common.STEPS}", text)
        self.assertEqual(self.weights("run"), self.expected)

    def test_10_strangers_among_the_checkpoints_are_left_alone_or_cleaned(self):
        outside = self.copy_of_run("outside")
        before = {file: file.read_bytes() for file in outside.rglob("*") if file.is_file()}
        checkpoints = self.copy_of_run("run")
        support.newest_checkpoint(self.folder / "run").rename(checkpoints / ".tmp_step_00000012")  # a writer was killed
        (checkpoints / "step_00000099").symlink_to(support.newest_checkpoint(self.folder / "outside"))
        (checkpoints / ".tmp_link").symlink_to(outside)
        (checkpoints / "step_00000050").mkdir()
        (checkpoints / "step_00000050" / "model.safetensors").write_bytes(b"half")
        (checkpoints / "step_00000060").write_text("a file")
        (checkpoints / "notes.txt").write_text("mine")
        text = self.go_on("run")
        self.assertIn(f"at step 9 of {common.STEPS}", text)
        self.assertRegex(text, "warning: .*step_00000050")
        self.assertEqual((self.folder / "run" / "checkpoints" / "notes.txt").read_text(), "mine")
        names = {path.name.split("_dice")[0] for path in checkpoints.iterdir()}
        self.assertLessEqual({"step_00000012", "step_00000060", "step_00000099", ".tmp_link", "notes.txt"}, names)
        self.assertNotIn(".tmp_step_00000012", names)
        self.assertEqual({file: file.read_bytes() for file in outside.rglob("*") if file.is_file()}, before)
        newest = next(path for path in checkpoints.glob("step_00000012*"))
        self.assertEqual(common.digests(newest), self.expected)

    def test_11_a_foreign_file_in_place_of_a_checkpoint_is_refused(self):
        self.copy_of_run("run")
        made = self.folder / "made_by_a_pickle"
        payload = pickle.dumps(Dangerous(made))
        (support.newest_checkpoint(self.folder / "run") / "model.safetensors").write_bytes(payload)
        text = self.go_on("run")
        self.assertIn(f"at step 9 of {common.STEPS}", text)
        self.assertEqual(self.weights("run"), self.expected)
        foreign = self.folder / "weights.pt"
        foreign.write_bytes(payload)
        self.assertIn("weights.pt", self.go_on("from_pickle", expect=65, **{"train.init_from": foreign}))
        self.assertFalse(made.exists(), "the pickle was executed")
        giant = self.folder / "giant.safetensors"
        giant.write_bytes((1 << 40).to_bytes(8, "little") + b"{")
        os.truncate(giant, 2 << 40)  # sparse: the header could be as long as it says
        begin = time.monotonic()
        self.assertIn("giant.safetensors", self.go_on("from_giant", expect=65, **{"train.init_from": giant}))
        self.assertLess(time.monotonic() - begin, 30, "it was read")


if __name__ == "__main__":
    support.main()
