#!/usr/bin/env python
"""Django's command line in a checkout; an installed AutoForge has the same as `autoforge`."""

import sys

from autoforge.command_line import main

if __name__ == "__main__":
    sys.exit(main())
