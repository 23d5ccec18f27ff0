"""Wrapping of plain text."""


def wrap(text, width):
    """Return lines of at most `width` characters, words kept whole where they fit."""
    if width < 1:
        raise ValueError("width must be positive")
    lines, current = [], ""
    for word in text.split():
        while len(word) > width:
            if current:
                lines.append(current)
                current = ""
            lines.append(word[:width])
            word = word[width:]
        if not current:
            current = word
        elif len(current) + 1 + len(word) <= width:
            current += " " + word
        else:
            lines.append(current)
            current = word
    if current:
        lines.append(current)
    return lines


def indent(text, prefix="    "):
    return "\n".join(prefix + line if line.strip() else line for line in text.split("\n"))
