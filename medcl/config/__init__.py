"""Settings: one YAML file per run, checked as a whole before anything starts.

A settings file is data and never names code. `loading.load` turns it into frozen sections, one
stage each; `build` turns sections into objects.
"""
