"""The pytest plugin: what a test-suite has by installing this package, without importing anything.

There is nothing in it yet: :func:`~dtmf_audio.testing.assert_dtmf` is imported like any function, and raises its
``AssertionError`` itself, so that no ``assert`` needs to be rewritten.

pytest imports this module at every start, in every project of the environment. So it imports nothing at the top but
what costs nothing, above all not numpy; a fixture imports what it needs when a test asks for it.
"""
