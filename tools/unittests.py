#!/usr/bin/env python3
"""unittests.py FOLDER: runs the Python tests in this folder; with ONLY=name in the environment, those with that in their name.

Unlike `python -m unittest -k`, it succeeds where no name matches, in every version of Python: tools/test-only.sh counts.
"""

import os
import sys
import unittest

only = os.environ.get("ONLY")
arguments = ["unittest", "discover", "--start-directory", sys.argv[1], *(["-k", only] if only else [])]
sys.exit(0 if unittest.main(module=None, argv=arguments, exit=False).result.wasSuccessful() else 1)
