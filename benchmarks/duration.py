"""How long something takes, in words."""


def in_words(seconds: float) -> str:
    """To the minute: '2 h 05 min', '40 min', at least '1 min'."""
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{max(minutes, 1)} min"
