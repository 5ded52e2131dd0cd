"""``python -m spectrack`` is the same as the ``spectrack`` command."""

import sys

from spectrack.cli import main

if __name__ == "__main__":
    sys.exit(main())
