"""What no input may exceed."""

from typing import Final

MOST_S: Final = 1.0
"""Processor time of one input, in seconds: that of a busy machine's clock would be its own."""
HANG_S: Final = 20
"""Seconds after which an input that has not come back is a hang, on any machine."""
MOST_MB: Final = 1024
"""Memory of the process at its most, with all that it has loaded."""
MOST_ADDRESSES: Final = 6 * 2**30
"""What it may ask of the system for, in bytes: an array that is never filled counts here too."""
