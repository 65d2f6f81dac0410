"""Paint the scenes anew and write them into the package.

python data/scenes/render
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "data" / "scenes"))
    from render import write_scenes

    write_scenes(ROOT / "fusionlib" / "scenes")
