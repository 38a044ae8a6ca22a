"""train_brats without any argument: phantoms, training, a stop, and going on."""
import os
import signal
import subprocess
import time

import support


class NoArguments(support.Case):
    def start(self):
        # In a folder of its own: the run goes to runs/phantoms of where the user stands.
        return subprocess.Popen(support.command("train_brats"), cwd=self.folder, env=support.clean_environment(), text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def stop_after(self, step):
        job = self.start()
        try:
            deadline = time.monotonic() + 240
            metrics = self.folder / "runs" / "phantoms" / "metrics.jsonl"
            while not (metrics.exists() and max(support.metrics(metrics.parent), default=0) >= step):
                self.assertIsNone(job.poll(), "it ended by itself")
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)
            os.kill(job.pid, signal.SIGUSR1)
            text = job.communicate(timeout=60)[0]
        finally:
            if job.poll() is None:
                job.kill()
        self.assertEqual(job.returncode, 75, text)
        return text

    def test_trains_on_phantoms_and_goes_on(self):
        text = self.stop_after(1)
        self.assertIn("no arguments: training on made-up brains", text.splitlines()[0])
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["runs"])
        run = self.folder / "runs" / "phantoms"
        self.assertEqual(len(list((run / "data" / "nifti").iterdir())), 12)
        support.run("inspect_shards", run / "data" / "shards", "--verify")
        made = (run / "data" / "shards" / "dataset.json").read_bytes()
        saved = support.step_of(support.newest_checkpoint(run))
        self.assertGreaterEqual(saved, 1)
        text = self.stop_after(saved + 1)
        self.assertNotIn("converted", text, "the brains of the first start serve the second one")
        self.assertEqual((run / "data" / "shards" / "dataset.json").read_bytes(), made)
        self.assertIn(support.newest_checkpoint(run).name[:5], text)
        self.assertGreater(support.step_of(support.newest_checkpoint(run)), saved)


if __name__ == "__main__":
    support.main()
