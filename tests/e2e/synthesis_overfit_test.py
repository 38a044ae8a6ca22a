"""The first minutes of learning two crops of a real brain by heart.  Skipped where the volumes are not there."""
import support
import synthesis_cases


class Short(synthesis_cases.Overfit):
    def test_v(self):
        kept, moved = self.learnt("v", 300, 900)
        self.assertGreaterEqual(kept["psnr"], 16)
        self.assertGreaterEqual(kept["psnr"] - moved["psnr"], 4)


if __name__ == "__main__":
    support.main()
