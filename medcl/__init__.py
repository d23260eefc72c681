"""From raw hospital scans to label-efficiency curves."""

import os

__version__ = "0.1.0"

# MONAI imports MLflow where it is installed, and MLflow reports usage unless told not to before
# its import: the switches must stand before anything of medcl imports anything else.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"
