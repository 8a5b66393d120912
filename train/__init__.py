"""Training of FlashMotion's adapters: see `run_all`."""

import os

# Before torch is imported. OpenMP threads that spin while they wait make everything many times slower as soon as another process needs a
# core, and training shares the machine with its own data workers. (Encoding a clip on two cores, one of them busy: 3.7 s instead of 0.13.)
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
