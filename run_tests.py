"""Set up everything the tests need and run them: `python run_tests.py [--fast] [pytest arguments]`."""

import sys

from tools.setup.old_python import require_python

require_python()

from tools.run_tests import main  # noqa: E402  (it needs a newer Python than the check)

if __name__ == "__main__":
    sys.exit(main())
