"""``python -m yamjit``, which is what the script ``yamjit`` is."""

from yamjit.cli import script

if __name__ == "__main__":  # processes of a run import this module under another name
    script()
