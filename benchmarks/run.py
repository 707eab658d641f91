"""`make bench`: what this service's promises cost, as ratios of two ways measured in turn in one run."""

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    # a script finds only its own folder; the modules beside it are a package of the checkout
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    sys.exit(importlib.import_module("benchmarks.bench").main())
