"""Rank 0 dies anywhere in a save: the older checkpoint loads, or the new one once it is in place (row 2 of the fault table).

FAULT_POINTS=all tries every point that a save passes; otherwise five of them, others on another day (E2E_SEED).
"""
import os
import random
import re

import common
import support

KEEP_ONE = {"checkpoint.keep_last": 1}  # the second save removes what the first wrote


def names_in_source():
    source = (support.SOURCE / "lib" / "checkpoint" / "store.cpp").read_text()
    return set(re.findall(r'fault_point\("(checkpoint:\w+)"\)', source))


class Crash(common.FaultCase):
    def second_save(self):
        """[(point, how often the run passed it before, the step that must load afterwards)] of the save at step 6."""
        names = names_in_source()
        text = self.run_with(";".join(f"{name} sleep=0" for name in sorted(names)), run="counted", **KEEP_ONE)
        passed = re.findall(r"fault: sleep at (checkpoint:\w+) on rank 0", text)
        self.assertEqual(set(passed), names, "a point in the source that no save passes")
        points, saves, survivor = [], 0, 3
        for place, name in enumerate(passed):
            saves += name == "checkpoint:begin"
            if saves != 2:
                continue
            if name == "checkpoint:after_rename":
                survivor = 6
            points.append((name, passed[:place].count(name), survivor))
        self.assertEqual(points[-1][0], "checkpoint:during_prune")
        return points

    def test_02_killed_at_every_point_of_a_save(self):
        expected = self.undisturbed(**KEEP_ONE)
        points = self.second_save()
        if os.environ.get("FAULT_POINTS") != "all":
            points = random.Random(os.environ.get("E2E_SEED", "0")).sample(points, 5)
        for number, (name, before, survivor) in enumerate(points):
            with self.subTest(point=name, passed_before=before):
                run = f"killed_{number}"
                self.run_with(f"{name}@{before + 1} rank=0 kill", run=run, expect=137, **KEEP_ONE)
                text = support.run("train_brats", *self.arguments(run, **KEEP_ONE), ranks=2)
                self.assertRegex(text, rf"going on from \S+/step_0000000{survivor} at step {survivor} of ")
                self.assertEqual(self.weights(run), expected)
                left = [path.name for path in (self.folder / run / "checkpoints").iterdir()]
                self.assertEqual([name[:13] for name in left], ["step_00000012"])

    def test_02_killed_in_the_middle_of_a_file(self):
        """Between two write() of one file, which no point of the source is."""
        expected = self.undisturbed()
        support.run("train_brats", *self.arguments("run"), ranks=2, expect=137,
                    environment=common.disk("write /checkpoints/.tmp_step_00000006/model.safetensors @9 kill"))
        half = self.folder / "run" / "checkpoints" / ".tmp_step_00000006"
        half_bytes = (half / "model.safetensors").stat().st_size
        text = support.run("train_brats", *self.arguments("run"), ranks=2)
        self.assertIn("at step 3 of ", text)
        self.assertFalse(half.exists())
        self.assertEqual(self.weights("run"), expected)
        self.assertLess(half_bytes, (support.newest_checkpoint(self.folder / "run") / "model.safetensors").stat().st_size)


if __name__ == "__main__":
    support.main()
