"""`python -m engines`: its commands stand above all packages, in posestream/commands."""

import sys
from importlib import import_module

if __name__ == "__main__":
    sys.exit(import_module("posestream.commands.models.main").main())
