"""`python -m posestream`: what it does stands in posestream/commands/files."""

import sys
from importlib import import_module

if __name__ == "__main__":
    sys.exit(import_module("posestream.commands.files.main").main())
