"""One command, any number of ranks: what a start finds by itself, and what the configuration asks for.

What is chosen for k GPUs is a pure function that tests/comm/backend_choice_test.cpp goes through without a GPU.
"""
import support

NO_GPU = {"CUDA_VISIBLE_DEVICES": ""}
SMALL = {key: value for key, value in support.TINY.items() if key != "data.threads"}  # the configuration has num_workers
CONFIGURATION = """
distributed: True
data:
  batch_size: 2  # of each rank
  num_workers: 2
  persistent_workers: False
training:
  max_epochs: 2
"""


def visible_gpus():
    import torch

    return torch.cuda.device_count()


class DistributedStart(support.Case):
    def train(self, *arguments, ranks=None, environment=NO_GPU, run="run", expect=0, **values):
        """Four cases to train on, two to validate with."""
        shards = support.phantom_shards(6, 32, split="0.67,0.33,0")
        return support.run("train", "--data", shards, "--run", self.folder / run, *arguments,
                           *support.settings({**SMALL, **values}), ranks=ranks, environment=environment, expect=expect)

    def configuration(self, text=CONFIGURATION):
        (self.folder / "run.yaml").write_text(text)
        return "--config", self.folder / "run.yaml"

    def test_ranks_are_counted_and_without_gpus_cpus_are_used(self):
        for ranks, found in ((1, "local on CPUs, 1 rank (one rank)"), (2, "mpi on CPUs, 2 ranks (rank 0 on")):
            text = self.train(*self.configuration(), "--dry-run", ranks=ranks)
            self.assertIn(f"communication: {found}", text)
            self.assertEqual("sees no GPU" in text, ranks == 2)
        text = self.train(*self.configuration(), "--dry-run", ranks=2, expect=78, **{"comm.device": "cuda"})
        self.assertIn("comm.device is cuda, but rank 0 on", text)

    def test_every_gpu_is_found_and_gets_a_rank(self):
        gpus = visible_gpus()
        if gpus == 0:
            self.skipTest("0 GPUs here")
        text = self.train(*self.configuration(), ranks=gpus, environment={})
        self.assertIn(f"communication: {'nccl' if gpus > 1 else 'local'} on GPUs, {gpus} rank", text)

    def test_more_ranks_than_gpus_fall_back_to_mpi(self):
        gpus = visible_gpus()
        if gpus == 0:
            self.skipTest("0 GPUs here")
        text = self.train(*self.configuration(), ranks=gpus + 1, environment={})
        self.assertIn(f"communication: mpi on GPUs, {gpus + 1} ranks (ranks 0 and {gpus}", text)

    def test_one_process_needs_no_launcher_and_trains_the_same(self):
        for run, ranks in (("by_hand", None), ("by_mpirun", 1)):
            text = self.train(*self.configuration(), run=run, ranks=ranks)
            self.assertIn("communication: local on CPUs, 1 rank (one rank)", text)
        by_hand, by_mpirun = (support.newest_checkpoint(self.folder / run) for run in ("by_hand", "by_mpirun"))
        for name in ("model.safetensors", "optimizer.safetensors"):
            self.assertEqual((by_hand / name).read_bytes(), (by_mpirun / name).read_bytes(), name)

    def test_one_configuration_serves_any_number_of_ranks(self):
        written = []
        for ranks in (1, 2):
            text = self.train(*self.configuration(), run=f"np{ranks}", ranks=ranks)
            self.assertIn(f"{2 * 2 // ranks} steps, {2 // ranks} an epoch", text)
            self.assertEqual(support.step_of(support.newest_checkpoint(self.folder / f"np{ranks}")), 4 // ranks)
            written.append((self.folder / f"np{ranks}" / "config.yaml").read_text())
        self.assertEqual(written[0], written[1])

    def test_batch_size_counts_per_rank_and_the_effective_batch_is_printed(self):
        for ranks, accumulation, micro, effective in ((1, 1, 2, 2), (2, 1, 4, 4), (2, 3, 4, 12)):
            text = self.train(*self.configuration(), "--dry-run", ranks=ranks, **{"train.accumulation": accumulation})
            self.assertIn(f"effective batch {effective} = {micro} items a micro-batch over {ranks} ranks x {accumulation} "
                          "accumulated", text)

    def test_distributed_false_is_one_rank(self):
        alone = self.configuration(CONFIGURATION.replace("distributed: True", "distributed: False"))
        text = self.train(*alone, ranks=2, expect=78)
        self.assertEqual(text.count("'distributed' is false, but 2 ranks were started: start the program without mpirun"), 1)
        self.assertFalse((self.folder / "run").exists(), "nothing may be written before the start is right")
        self.assertNotIn("distributed: true", self.train(*alone))

    def test_distributed_true_falls_back_to_one_rank_and_says_so(self):
        note = "distributed: true, but one rank was started and trains alone"
        self.assertIn(note, self.train(*self.configuration(), "--dry-run"))
        self.assertNotIn(note, self.train(*self.configuration(), "--dry-run", ranks=2))


if __name__ == "__main__":
    support.main()
