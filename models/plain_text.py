"""Text of a file that nobody vouches for, made fit for a terminal."""


def plain(text: str) -> str:
    """The text with what would move a terminal's cursor, or break the line, as an escape."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
