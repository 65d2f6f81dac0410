"""Paint the scenes anew: ``python -m fusionlib.scenes``."""

from pathlib import Path

from . import write_scenes

if __name__ == "__main__":
    write_scenes(Path(__file__).resolve().parent)
