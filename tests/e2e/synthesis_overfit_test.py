"""The first minutes of learning two crops of a real brain by heart.  Skipped where the volumes are not there."""
import support
import synthesis_cases


class Short(synthesis_cases.Overfit):
    def test_v(self):
        kept, moved = self.learnt("v", 150, 600)
        self.assertGreaterEqual(kept["psnr_brain"], 15)
        self.assertGreaterEqual(kept["psnr"] - moved["psnr"], 2)


if __name__ == "__main__":
    support.main()
