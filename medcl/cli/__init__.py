"""The `medcl` command: reads arguments, calls a stage, says what came of it."""
