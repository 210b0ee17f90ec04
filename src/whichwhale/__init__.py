"""whichwhale: which whale is in the photo.

See docs/architecture.md for the rooms of the house and the four file contracts between them.
"""

__version__ = "0.1.0"
