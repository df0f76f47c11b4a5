"""Find the poses of people in webcams, videos and images, live: `python run.py --source webcam`."""

import sys

from posestream.main import main as posestream


def main() -> int:
    """The program `posestream`, without having installed it."""
    return posestream(prog="python run.py")


if __name__ == "__main__":
    sys.exit(main())
