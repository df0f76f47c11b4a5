"""`python -m posestream`: the program."""

import sys

from posestream.main import main

if __name__ == "__main__":
    sys.exit(main(prog="python -m posestream"))
