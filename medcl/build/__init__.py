"""Settings → objects: one function and one `match` per part, so that every choice can be found.

Nothing below this room sees a settings object, and no setting names code.
"""
