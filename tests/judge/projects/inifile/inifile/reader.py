from inifile.document import Document


class ParseError(ValueError):
    def __init__(self, line, message):
        super().__init__(f"line {line}: {message}")
        self.line = line


def parse(text):
    """Return the document in a text."""
    document = Document()
    section = None
    number = 0
    for raw in text.split("\n"):
        number = number + 1
        line = raw.strip()
        if line == "":
            continue
        if line[0] == "#" or line[0] == ";":
            if section is None:
                document.comments.append(line[1:].strip())
            continue
        if line[0] == "[":
            if line[-1] != "]":
                raise ParseError(number, "section without ]")
            section = document.section(line[1:-1].strip())
            continue
        if "=" not in line:
            raise ParseError(number, "neither section nor value")
        if section is None:
            raise ParseError(number, "value before the first section")
        position = line.index("=")
        key = line[:position].strip()
        value = line[position + 1 :].strip()
        section[key] = value
    return document
