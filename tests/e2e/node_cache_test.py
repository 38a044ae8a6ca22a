"""One cache a node: found, not decoded, after the first epoch; the same training as without; no room is an error, no SIGBUS."""
import subprocess

import support

SIZE, CASES = 32, 10  # eight training cases
RUN = {
    **support.TINY,
    "data.crop_size": f"[{SIZE},{SIZE},{SIZE}]",  # all of a case, so that each epoch touches every chunk
    "data.global_batch_size": 4,
    "data.batch_size": 0,
    "data.prefetch_mb": 1,
    "train.epochs": 3,
    "train.validate_every_epochs": 0,
    "checkpoint.every_steps": 0,
}


class NodeCache(support.Case):
    def train(self, name, cache, ranks=4, **more):
        keys = {**RUN, "data.cache": cache, **more}
        output = support.run("train_brats", "--data", support.phantom_shards(CASES, SIZE), "--run", self.folder / name,
                             *support.settings(keys), ranks=ranks)
        return support.metrics(self.folder / name), output

    def test_hits_and_copies_at_four_ranks(self):
        shared, output = self.train("node", "node")
        each, _ = self.train("rank", "rank")
        none, _ = self.train("none", "none")
        last, first = max(shared), max(shared) // 3  # an epoch is two steps
        decoded = sum(shared[last]["chunks_decoded"]) - sum(shared[first]["chunks_decoded"])
        hits = sum(shared[last]["cache_hits"]) - sum(shared[first]["cache_hits"])
        once, by_each = (sum(steps[last]["chunks_decoded"]) for steps in (shared, each))
        print(f"after epoch 1: {decoded} decoded, {hits} found, {100 * hits / (hits + decoded):.2f} % hits; decoded in all: "
              f"{once} (node), {by_each} (rank), {sum(none[last]['chunks_decoded'])} (none)")
        self.assertGreaterEqual(hits / (hits + decoded), 0.99)
        self.assertGreater(by_each, 2 * once)
        self.assertEqual(sum(none[last]["cache_hits"]), 0)
        self.assertRegex(output, r"cache: one copy a node of 50 of 50 chunks, .* decoded; budget [\d.]+ MiB a node")
        final = support.metrics(self.folder / "node", "final")[last]
        self.assertEqual(final["chunks_decoded"], 50)  # those of validation too, each once
        self.assertGreater(final["cache_peak_bytes"], 0)
        for step in none:
            self.assertEqual(shared[step]["loss"], none[step]["loss"], step)  # bit by bit
            self.assertEqual(each[step]["loss"], none[step]["loss"], step)

    def test_a_stop_in_the_middle_of_an_epoch_goes_on_bitwise(self):
        smart = {"data.cache_rate": 0.5, "data.replace_rate": 0.5, "data.global_batch_size": 2, "train.epochs": 3,
                 "train.schedule.name": "constant"}
        straight, _ = self.train("straight", "node", ranks=3, **smart)
        half = {**smart, "train.epochs": 0, "train.steps": 5}  # an epoch is four steps
        self.train("stopped", "node", ranks=3, **half)
        going_on, _ = self.train("stopped", "node", ranks=3, **smart)
        self.assertEqual(max(going_on), 12)
        for step in range(6, 13):
            self.assertEqual(going_on[step]["loss"], straight[step]["loss"], step)

    def test_too_little_shared_memory_is_said_before_anybody_writes(self):
        mount = self.folder / "small"
        mount.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", mount], capture_output=True).returncode:
            self.skipTest("mounting is not allowed here")
        self.addCleanup(subprocess.run, ["umount", mount], check=True)
        output = support.run("train_brats", "--data", support.phantom_shards(CASES, SIZE), "--run", self.folder / "run",
                             *support.settings({**RUN, "data.cache": "node"}), ranks=2, expect=78,
                             environment={"OMPI_MCA_osc_sm_backing_directory": str(mount)})
        self.assertIn(f"{mount} has 256 KiB left", output)
        self.assertIn("data.cache_mb", output)


if __name__ == "__main__":
    support.main()
