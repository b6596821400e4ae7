"""`python -m tinygrad_lite`: see `command_line.py`."""

import sys

from .app.command_line import main

if __name__ == "__main__":
    sys.exit(main())
