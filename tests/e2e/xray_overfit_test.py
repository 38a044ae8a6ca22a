"""The short version of xray_nightly: fewer steps, lower bounds."""
import support
import xray_cases


class Overfit(xray_cases.Overfit):
    def test_direct(self):
        each, moved = self.learnt({"xray_to_ct.objective": "direct", "train.steps": 150}, 600)
        self.assertGreaterEqual(min(each), 20)
        self.assertLessEqual(moved, 15)


if __name__ == "__main__":
    support.main()
