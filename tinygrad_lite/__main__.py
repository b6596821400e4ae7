"""`python -m tinygrad_lite`: see `app/command_line.py`."""

import sys

from .app.command_line import main

if __name__ == "__main__":
    sys.exit(main())
