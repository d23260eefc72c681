"""The volume store: pseudonymous volumes, and a catalogue that accounts for all."""
