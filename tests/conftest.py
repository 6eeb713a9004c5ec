"""Settings of the whole suite: what hypothesis draws is the same at every run, and no test is timed."""

from hypothesis import settings

settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")
