"""The report: one HTML page that shows what a blend and its members are worth, and where they err. Reads files only."""
