"""A data set larger than the memory that the cache may take trains within bounds."""
import support
import volumes

EDGE, CASES, CACHE_MIB = 160, 8, 64
MIB = 1 << 20
CASE_MIB = 4 * 2 * EDGE**3 / MIB  # four channels of int16: 31.2
DATA_MIB = CASES * CASE_MIB       # 250, more than three times the cache

# Each rank reads 48 crops of [160,160,2], six of each case: one or two of the five slabs of chunks that a case has along W.  Random
# places leave exp(-48/40) = 30 % of the 40 slabs unread: a rank comes to 175 MiB of data at little computing.
RUN = {
    **support.TINY,
    "data.crop_size": "[160,160,2]",
    "data.samples_per_case": 12,
    "data.prefetch_mb": 8,
    "data.flip_probability": 0,
    "model.init_filters": 4,
    "model.norm_groups": 4,
    "model.blocks_down": "[1,1]",
    "model.blocks_up": "[1]",
    "train.epochs": 0,
    "train.steps": CASES * 6,
    "train.validate_every_epochs": 0,
    "train.log_every": 8,
    "infer.window": "[32,32,32]",
    "checkpoint.every_steps": 0,
}


def shards(edge):
    """Noise without zeros: every chunk is stored, and none is small."""
    def make(folder):
        for number in range(CASES):
            volumes.brats_case(folder / "in", f"case{number}", number, size=(edge, edge, edge), ending=".nii")
        support.run("convert_dataset", "--input", folder / "in", "--output", folder / "shards", "--codec", "none",
                    "--split", "1,0,0", ranks=2)
    return support.made_once(f"noise_{edge}", make) / "shards"


class Memory(support.Case):
    def peak_mib(self, name, data, cache_mib):
        run = self.folder / name
        support.run("train_brats", "--data", data, "--run", run, *support.settings({**RUN, "data.cache_mb": cache_mib}), ranks=2)
        last = support.metrics(run)[RUN["train.steps"]]
        self.assertEqual(len(last["memory_bytes"]), 2)
        return max(last["memory_bytes"]) / MIB

    def test_peak_stays_within_the_budget(self):
        """Peak of a rank = everything but data (B) + what the cache keeps.  B is measured: a run whose data are eight cases of
        32^3, 2 MiB in all, with the same crops.  Allowed is B + 64 MiB + 32 MiB for what the allocator does not give back.  A
        run that loaded all data would be at B + 250 MiB and break the bound of B + 96; the third run, which may keep all that it
        reads, shows that it does."""
        self.assertGreater(DATA_MIB, 3 * CACHE_MIB)
        small = self.peak_mib("small", shards(32), CACHE_MIB)
        bounded = self.peak_mib("bounded", shards(EDGE), CACHE_MIB)
        whole = self.peak_mib("whole", shards(EDGE), 1024)
        bound = small + CACHE_MIB + 32
        print(f"peak of a rank: small data {small:.0f} MiB, {DATA_MIB:.0f} MiB of data with a cache of {CACHE_MIB} MiB {bounded:.0f} MiB "
              f"(bound {bound:.0f}), all of it kept {whole:.0f} MiB")
        self.assertLess(bounded, bound)
        self.assertGreater(whole, bound, "a run that keeps everything must break the bound, else the bound says nothing")


if __name__ == "__main__":
    support.main()
