"""The commands of `python -m engines`: one file each, whose `run` takes what its options say."""
